// Spelled in two parts, so that this file does not contain what it forbids.
const REGISTRY_HOSTS: readonly string[] = [
  ["registry.npmjs", "org"],
  ["registry.yarnpkg", "com"],
  ["proxy.golang", "org"],
  ["sum.golang", "org"],
  ["pypi", "org"],
  ["files.pythonhosted", "org"],
  ["crates", "io"],
  ["rubygems", "org"],
  ["deb.debian", "org"],
  ["security.debian", "org"],
  ["ftp.debian", "org"],
  ["snapshot.debian", "org"],
  ["archive.ubuntu", "com"],
  ["security.ubuntu", "com"],
  ["ports.ubuntu", "com"],
  ["cache.nixos", "org"],
  ["dl-cdn.alpinelinux", "org"],
].map((parts) => parts.join("."));

const MACHINE_PATHS: readonly RegExp[] = [
  /(?<![\w.])\/(?:home|Users)\/[a-z][\w-]*\/[\w.-]+/,
  new RegExp(String.raw`(?<![\w.-])/${"work"}/(?:main|shared)\b`),
  new RegExp(String.raw`(?<![\w.-])/tmp/${"w"}/`),
];

/** One line for each place in `text` that ties the project to one package registry or one machine. */
export function portabilityProblems(path: string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) => {
    const host = REGISTRY_HOSTS.find((name) => line.includes(name));
    const machinePath = MACHINE_PATHS.map((pattern) => pattern.exec(line)?.[0]).find(
      (found) => found !== undefined,
    );
    return [
      ...(host === undefined ? [] : [`${path}:${index + 1} names the package registry ${host}`]),
      ...(machinePath === undefined
        ? []
        : [`${path}:${index + 1} names ${machinePath}, a path of one machine`]),
    ];
  });
}
