import { join } from "node:path";
import type { ClientProgram, ClientTools } from "./client-program.ts";

const skopeo: ClientProgram = {
  name: "skopeo",
  keepsBytes: true,
  push: (tools, layout, reference) => skopeoCopy(tools, `oci:${layout}:v1`, `docker://${reference}`),
  pull: (tools, reference, layout) => skopeoCopy(tools, `docker://${reference}`, `oci:${layout}:v1`),
  copy: (tools, from, to) => skopeoCopy(tools, `docker://${from}`, `docker://${to}`),
  listTags: (tools, repository) =>
    tools.run("skopeo", "list-tags", "--tls-verify=false", `docker://${repository}`),
  remove: (tools, reference) => tools.run("skopeo", "delete", "--tls-verify=false", `docker://${reference}`),
};

function skopeoCopy(tools: ClientTools, from: string, to: string): Promise<string> {
  const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  return tools.run("skopeo", "--insecure-policy", "copy", "--quiet", ...insecure, from, to);
}

/** Podman and Buildah share their storage and most commands. */
function containersStorageClient(name: "podman" | "buildah"): ClientProgram {
  const run = (tools: ClientTools, command: string, ...rest: readonly string[]) => {
    const storage = [
      "--storage-driver",
      "vfs",
      "--root",
      join(tools.folder, name),
      "--runroot",
      join(tools.folder, `${name}-run`),
    ];
    // No container is started here. Without these options and a user session, podman would look for systemd and its
    // journal.
    const alone = name === "podman" ? ["--cgroup-manager", "cgroupfs", "--events-backend", "file"] : [];
    const policy = ["--signature-policy", join(tools.folder, "policy.json"), "--tls-verify=false", "--quiet"];
    return tools.run(name, ...storage, ...alone, command, ...(command === "tag" ? [] : policy), ...rest);
  };
  const pull = async (tools: ClientTools, source: string) => (await run(tools, "pull", source)).trim();
  return {
    name,
    keepsBytes: false,
    push: async (tools, layout, reference) =>
      run(tools, "push", await pull(tools, `oci:${layout}:v1`), `docker://${reference}`),
    pull: async (tools, reference, layout) =>
      run(tools, "push", "--format", "oci", await pull(tools, reference), `oci:${layout}:v1`),
    copy: async (tools, from, to) => run(tools, "push", await pull(tools, from), `docker://${to}`),
    ...(name === "podman"
      ? {
          listTags: (tools, repository) =>
            tools.run("podman", "search", "--tls-verify=false", "--list-tags", repository),
        }
      : {}),
  };
}

const crane: ClientProgram = {
  name: "crane",
  keepsBytes: true,
  push: (tools, layout, reference) => tools.run("crane", "push", "--insecure", layout, reference),
  pull: (tools, reference, layout) =>
    tools.run("crane", "pull", "--insecure", "--format=oci", reference, layout),
  copy: (tools, from, to) => tools.run("crane", "copy", "--insecure", from, to),
  listTags: (tools, repository) => tools.run("crane", "ls", "--insecure", repository),
  remove: (tools, reference) => tools.run("crane", "delete", "--insecure", reference),
};

const oras: ClientProgram = {
  name: "oras",
  keepsBytes: true,
  push: (tools, layout, reference) =>
    tools.run("oras", "cp", "--from-oci-layout", "--to-plain-http", `${layout}:v1`, reference),
  pull: (tools, reference, layout) =>
    tools.run("oras", "cp", "--to-oci-layout", "--from-plain-http", reference, `${layout}:v1`),
  copy: (tools, from, to) => tools.run("oras", "cp", "--from-plain-http", "--to-plain-http", from, to),
  listTags: (tools, repository) => tools.run("oras", "repo", "tags", "--plain-http", repository),
  remove: (tools, reference) => tools.run("oras", "manifest", "delete", "--force", "--plain-http", reference),
};

const regctl: ClientProgram = {
  name: "regctl",
  keepsBytes: true,
  push: (tools, layout, reference) =>
    tools.run("regctl", "image", "copy", `ocidir://${layout}:v1`, reference),
  pull: (tools, reference, layout) =>
    tools.run("regctl", "image", "copy", reference, `ocidir://${layout}:v1`),
  copy: (tools, from, to) => tools.run("regctl", "image", "copy", from, to),
  listTags: (tools, repository) => tools.run("regctl", "tag", "ls", repository),
  remove: (tools, reference) => tools.run("regctl", "tag", "rm", reference),
};

/** The clients that push and pull images. */
export const IMAGE_CLIENTS: readonly ClientProgram[] = [
  skopeo,
  containersStorageClient("podman"),
  containersStorageClient("buildah"),
  crane,
  oras,
  regctl,
];
