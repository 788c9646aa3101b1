import { join } from "node:path";
import type { AptWorkspaceOptions } from "./apt-workspace.ts";

/**
 * The configuration that apt reads after the host's own.
 *
 * Clears hooks, because they act on the host, and skips indexes that are not needed to resolve packages.
 *
 * @param methodUser the user that apt's methods become, if apt runs as root
 */
export function aptConfiguration(options: AptWorkspaceOptions, methodUser = "root"): string {
  const { folder, architecture, sourcesFile } = options;
  const quoted = (text: string): string => `"${text.replaceAll('"', "")}"`;
  const settings: Record<string, string> = {
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::State::extended_states": join(folder, "extended-states"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Cache::archives": join(folder, "cache/archives"),
    "Dir::Cache::pkgcache": "pkgcache.bin",
    "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    "Dir::Log": join(folder, "log"),
    "APT::Architecture": architecture,
    "APT::Sandbox::User": methodUser,
    "APT::Install-Recommends": String(options.recommends ?? false),
    "APT::Install-Suggests": "false",
    "APT::Get::AllowUnauthenticated": "false",
    "APT::Update::Error-Mode": "any",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::Languages": "none",
    "Acquire::PDiffs": "false",
    // apt reads lists at many places, and would decompress them from their beginning each time that it goes back.
    "Acquire::GzipIndexes": "false",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb::CNF::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled": "false",
    ...(sourcesFile === undefined
      ? {}
      : { "Dir::Etc::sourcelist": sourcesFile, "Dir::Etc::sourceparts": "/dev/null" }),
  };
  const cleared = [
    "APT::Architectures",
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Post-Invoke",
    "DPkg::Pre-Install-Pkgs",
    "AptCli::Hooks",
  ];
  return [
    ...cleared.map((name) => `#clear ${name};`),
    `APT::Architectures { ${quoted(architecture)}; };`,
    ...Object.entries(settings).map(([name, value]) => `${name} ${quoted(value)};`),
    options.extraConfiguration ?? "",
    "",
  ].join("\n");
}
