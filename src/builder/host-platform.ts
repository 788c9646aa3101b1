import type { Platform } from "../oci/descriptor.ts";

/** The platform whose programs this machine runs. */
export const HOST_PLATFORM: Platform = {
  os: "linux",
  architecture: process.arch === "x64" ? "amd64" : process.arch,
};
