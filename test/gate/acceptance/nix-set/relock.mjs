#!/usr/bin/env node
// Writes debs.json from the lists of the host's own apt, each file with its whole address, so that packages of every
// suite the host has (updates, security) are found. Lists for both architectures are fetched into a private folder.
//
//   node relock.mjs STATE-FOLDER > debs.json
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

const state = process.argv[2];
for (const f of ["lists/partial", "cache/archives/partial"]) mkdirSync(`${state}/${f}`, { recursive: true });
writeFileSync(`${state}/status`, "");
writeFileSync(
  `${state}/apt.conf`,
  `Dir::State "${state}"; Dir::State::lists "${state}/lists"; Dir::State::status "${state}/status"; Dir::Cache "${state}/cache";
APT::Architecture "amd64"; APT::Architectures { "amd64"; "arm64"; }; Acquire::Languages "none"; APT::Update::Post-Invoke {}; APT::Update::Post-Invoke-Success {};\n`,
);
const run = (...c) =>
  execFileSync(c[0], c.slice(1), {
    encoding: "utf8",
    env: { ...process.env, APT_CONFIG: `${state}/apt.conf` },
    maxBuffer: 1 << 30,
    stdio: ["ignore", "pipe", "pipe"],
  });
run("apt-get", "update", "-qq");
// Packages that are requested by name. All others are their dependencies.
const roots = [
  "bash",
  "ca-certificates",
  "coreutils",
  "curl",
  "diffutils",
  "findutils",
  "gawk",
  "git",
  "grep",
  "gzip",
  "hello",
  "jq",
  "less",
  "moreutils",
  "nano",
  "netbase",
  "openssl",
  "patchelf",
  "sed",
  "tar",
  "tree",
  "file",
];
// Dependencies that are useless in an image.
const ignored = new Set([
  "adduser",
  "base-files",
  "debconf",
  "debianutils",
  "dpkg",
  "gcc-12-base",
  "git-man",
  "init-system-helpers",
  "install-info",
  "libc-bin",
  "liberror-perl",
  "libipc-run-perl",
  "libtime-duration-perl",
  "libtimedate-perl",
  "perl",
  "perl-base",
  "sensible-utils",
]);
// Packages to take without their dependencies, because store references must not form a cycle.
const leaves = new Set(["libc6", "ca-certificates", "netbase", "patchelf"]);
const names = (text = "") =>
  text
    .split(",")
    .map((d) =>
      d
        .split("|")[0]
        .trim()
        .replace(/[ :(].*$/, ""),
    )
    .filter(Boolean);
const newer = (a, b) => {
  try {
    execFileSync("dpkg", ["--compare-versions", a, "gt", b]);
    return true;
  } catch {
    return false;
  }
};
const body = ["amd64", "arm64"].map((arch) => {
  const known = new Map();
  const targets = run(
    "apt-get",
    "indextargets",
    "--format",
    "$(REPO_URI)|$(FILENAME)",
    "Created-By: Packages",
    `Architecture: ${arch}`,
  )
    .trim()
    .split("\n");
  for (const target of targets) {
    const [base, file] = target.split("|");
    for (const stanza of run("/usr/lib/apt/apt-helper", "cat-file", file).split("\n\n")) {
      const name = stanza.slice(9, stanza.indexOf("\n"));
      const candidates = known.get(name);
      if (candidates) candidates.push({ stanza, base });
      else known.set(name, [{ stanza, base }]);
    }
  }
  const pick = (name) => {
    const all = (known.get(name) ?? []).map((c) => ({
      ...c,
      field: (f) => c.stanza.match(new RegExp(`^${f}: (.*)$`, "m"))?.[1],
    }));
    if (all.length === 0) throw new Error(`no ${arch} package ${name}`);
    return all.reduce((best, one) => (newer(one.field("Version"), best.field("Version")) ? one : best));
  };
  const found = {};
  for (let wanted = roots; wanted.length > 0; ) {
    for (const name of wanted) {
      const { base, field } = pick(name);
      const version = field("Version");
      const deps = leaves.has(name)
        ? []
        : [...new Set([...names(field("Pre-Depends")), ...names(field("Depends"))])]
            .filter((d) => !ignored.has(d))
            .sort();
      found[name] = {
        version,
        file: field("Filename"),
        uri: `${base.replace(/\/$/, "")}/${field("Filename")}`,
        sha256: field("SHA256"),
        deps,
      };
    }
    wanted = [...new Set(Object.values(found).flatMap((p) => p.deps))].filter((d) => !found[d]);
  }
  const rows = Object.entries(found)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `    ${JSON.stringify(k)}: ${JSON.stringify(v)}`);
  return `  ${JSON.stringify(arch)}: {\n${rows.join(",\n")}\n  }`;
});
process.stdout.write(`{\n${body.join(",\n")}\n}\n`);
