import type { DerivedFile } from "./certificate-store.ts";
import type { PackageFacts } from "./package-facts.ts";
import { mergedPath } from "./tree-path.ts";

type Alternative = PackageFacts["alternatives"][number];

/**
 * The links and records that `update-alternatives` makes: for each name, the choice with the highest priority.
 *
 * If priorities are equal, the first path in byte order wins. The result is in ascending order of path.
 */
export function alternativeFiles(packages: readonly PackageFacts[]): readonly DerivedFile[] {
  const byName = new Map<string, Alternative[]>();
  for (const choice of packages.flatMap((one) => one.alternatives)) {
    byName.set(choice.name, [...(byName.get(choice.name) ?? []), choice]);
  }
  const files = [...byName].flatMap(([name, choices]) => filesOf(name, choices));
  const unique = new Map(files.map((file) => [file.path, file]));
  return [...unique.values()].toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

function filesOf(name: string, choices: readonly Alternative[]): readonly DerivedFile[] {
  const ranked = choices.toSorted(
    (left, right) => right.priority - left.priority || (left.path < right.path ? -1 : 1),
  );
  const best = ranked[0];
  if (best === undefined) return [];
  return [
    ...[best, ...best.slaves].flatMap((one) => [
      { path: mergedPath(one.link.slice(1)), linkTarget: `/etc/alternatives/${one.name}` },
      { path: `etc/alternatives/${one.name}`, linkTarget: one.path },
    ]),
    { path: `var/lib/dpkg/alternatives/${name}`, bytes: Buffer.from(record(best.link, ranked)) },
  ];
}

/** The file in which update-alternatives records a name: its mode, its links, and its choices. */
function record(link: string, choices: readonly Alternative[]): string {
  const slaveLinks = new Map(
    choices.flatMap((choice) => choice.slaves).map((slave) => [slave.name, slave.link]),
  );
  const slaves = [...slaveLinks].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const lines = ["auto", link, ...slaves.flat(), ""];
  for (const choice of choices.toSorted((left, right) => (left.path < right.path ? -1 : 1))) {
    const paths = new Map(choice.slaves.map((slave) => [slave.name, slave.path]));
    lines.push(choice.path, String(choice.priority), ...slaves.map(([name]) => paths.get(name) ?? ""));
  }
  return `${lines.join("\n")}\n\n`;
}
