import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HEARTBEAT_MS = 2_000;
const STALE_AFTER_MS = 30_000;
const RETRY_MS = 200;

/**
 * Runs `work` while holding the lock folder `path`, so that only one process at a time works on the same files.
 *
 * The holder touches the folder regularly. It loses the lock if it stops doing so, or if its process on this host has
 * ended. `onWait` is called once if somebody else holds it.
 */
export async function withInstallLock(path, work, onWait) {
  const owner = { token: randomUUID(), host: hostname(), pid: process.pid };
  for (let waiting = false; !(await acquire(path, owner)); await sleep(RETRY_MS)) {
    if (await isStale(path)) await discard(path);
    else if (!waiting) {
      waiting = true;
      onWait();
    }
  }
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await readOwner(path))?.token === owner.token) await rm(path, { recursive: true, force: true });
  }
}

async function acquire(path, owner) {
  try {
    await mkdir(path);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  await writeFile(join(path, "owner.json"), JSON.stringify(owner));
  return true;
}

async function isStale(path) {
  const age = await ageMs(path);
  if (age === undefined) return false;
  if (age > STALE_AFTER_MS) return true;
  const owner = await readOwner(path);
  return owner?.host === hostname() && !isRunning(owner.pid);
}

/** Removes a dead holder's lock by renaming it, which only one process can do. Gives it back if it has a new holder. */
async function discard(path) {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (await isStale(aside)) await rm(aside, { recursive: true, force: true });
  else await rename(aside, path);
}

async function touch(path) {
  const now = new Date();
  // The lock was taken from us, or the disk is failing. The work continues in both cases, and reports its own errors.
  await utimes(path, now, now).catch(() => undefined);
}

async function ageMs(path) {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function readOwner(path) {
  try {
    return JSON.parse(await readFile(join(path, "owner.json"), "utf8"));
  } catch {
    return undefined; // not yet written, half written, or gone: the lock's age decides
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
