import type { LayerRules } from "./image-build.ts";
import { createLock, type ImageLock } from "./image-lock.ts";
import { diffLocks, parseLock } from "./lock-diff.ts";
import { LockError } from "./lock-error.ts";
import type { LockedImage, LockedPlan } from "./locked-image.ts";
import type { PackageRequest, PackageSource, Resolution, StepContext } from "./package-source.ts";
import type { LayerPlan } from "./plan/layer-plan.ts";
import { nixeryPlan } from "./plan/nixery-plan.ts";
import { NO_POPULARITY } from "./plan/popularity.ts";
import { sizePlan } from "./plan/size-plan.ts";

/** Everything that the image of one platform is made from. Dispose of its resolution. */
export interface ResolvedImage {
  readonly request: PackageRequest;
  readonly resolution: Resolution;
  readonly lock: ImageLock;
  readonly rules: LayerRules;
}

/** Resolves a request as the source's packages are now. */
export async function resolveImage(
  source: PackageSource,
  request: PackageRequest,
  rules: LayerRules,
  context: StepContext,
): Promise<ResolvedImage> {
  const resolution = await source.resolve(request, context);
  const { popularity } = resolution;
  const plan = (popularity && rules.plan.withPopularity?.(popularity)) ?? rules.plan;
  const own = { plan, budget: rules.budget };
  return { request, resolution, rules: own, lock: createLock(source, request, resolution, own) };
}

/**
 * Takes everything from a lock. Starts no program.
 *
 * @param configured the plan of this Slipway, whose popularity data the lock may name
 * @throws {LockError} if an image made here would have another lock
 */
export function resolveLocked(
  source: PackageSource,
  { lock, request, plan, inputs }: LockedImage,
  configured: LayerPlan,
): ResolvedImage {
  if (source.resolveLocked === undefined)
    throw new LockError(`images of ${source.name} cannot be built from a lock, only those of apt`);
  const rules = { plan: planOf(plan, configured), budget: plan.budget };
  // First what does not belong to the source, which may not understand the rest of a lock in another format.
  const outside = { packages: request.packages, lockInputs: inputs };
  requireEqual(lock, createLock(source, request, outside, rules));
  const resolution = source.resolveLocked(request, inputs);
  requireEqual(lock, createLock(source, request, resolution, rules));
  return { request, resolution, rules, lock };
}

function planOf({ kind, popularity }: LockedPlan, configured: LayerPlan): LayerPlan {
  const known = [configured, sizePlan, nixeryPlan(NO_POPULARITY)];
  const plan = known.find((one) => one.kind === kind && one.popularityDigest === popularity);
  if (plan !== undefined) return plan;
  const data = popularity === undefined ? "" : ` with the popularity data ${popularity}`;
  throw new LockError(`this Slipway has no plan ${kind}${data}`);
}

/** @throws {LockError} with what differs, unless the locks are equal */
function requireEqual(given: ImageLock, made: ImageLock): void {
  if (given.digest === made.digest) return;
  const [before, after] = [given, made].map(({ bytes }) => parseLock(new TextDecoder().decode(bytes)));
  if (before === undefined || after === undefined) return;
  const { settings } = diffLocks(before, after);
  const differences = settings.map(
    ({ name, before: there = "absent", after: here = "absent" }) =>
      `${name} is ${there} in the lock, ${here} here`,
  );
  throw new LockError(
    `this Slipway does not make that image: ${differences.join("; ") || "the lock's members differ in order"}`,
  );
}
