import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseReference, type Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { isRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { isDebianPackageName } from "./debian/package-name.ts";
import {
  type ImageRequest,
  isImageRequest,
  MAX_REQUESTED_PACKAGES,
  parseImageRequest,
} from "./image-request.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const LATEST = "latest" as Reference;

function request(name: string, reference: Reference = LATEST): ImageRequest {
  return parseImageRequest(name as RepositoryName, reference, AMD64);
}

function faultOf(name: string, reference: Reference = LATEST): string | undefined {
  try {
    request(name, reference);
    return undefined;
  } catch (error) {
    return error instanceof RegistryError ? error.fault : String(error);
  }
}

describe("an image's name", () => {
  it("asks for its packages, whatever their order and however often each is named", () => {
    expect(request("apt/git/curl/git")).toEqual(request("apt/curl/git"));
    expect(request("apt/curl/git")).toEqual({
      source: "apt",
      packages: ["curl", "git"],
      platform: AMD64,
      metaPackages: [],
    });
  });

  it("adds a shell and chooses a platform by its leading components", () => {
    const { packages, platform, metaPackages } = request("apt/shell/arm64/jq");
    expect(packages).toEqual(["bash", "coreutils", "jq", "less", "moreutils", "nano"]);
    expect(platform).toEqual({ os: "linux", architecture: "arm64" });
    expect(metaPackages).toEqual(["arm64", "shell"]);
  });

  it("means a package by a component that no longer leads", () => {
    expect(request("apt/jq/shell").packages).toEqual(["jq", "shell"]);
  });

  it("spells plus signs out", () => {
    expect(request("apt/g_plus_plus").packages).toEqual(["g++"]);
    expect(request("apt/libstdc_plus_plus6").packages).toEqual(["libstdc++6"]);
  });

  it("is not known under another tag, nor for two platforms at once", () => {
    expect(faultOf("apt/curl", "1.0" as Reference)).toBe("manifest-unknown");
    expect(faultOf("apt/arm64/amd64/curl")).toBe("manifest-unknown");
  });

  it("names no package that Debian could not have", () => {
    expect(faultOf("apt/a_b")).toBe("package-unknown");
    expect(faultOf("apt/x")).toBe("package-unknown");
    expect(faultOf("apt/amd64")).toBe("package-unknown");
  });

  it("asks for a bounded number of packages", () => {
    const names = Array.from({ length: MAX_REQUESTED_PACKAGES + 1 }, (_, index) => `p${index + 10}`);
    expect(faultOf(`apt/${names.join("/")}`)).toBe("package-unknown");
    expect(faultOf(`apt/${names.slice(1).join("/")}`)).toBeUndefined();
  });

  it("is left alone without the prefix and when it is asked for by digest", () => {
    const digest = parseReference(`sha256:${"0".repeat(64)}`);
    expect(isImageRequest("library/curl" as RepositoryName, LATEST)).toBe(false);
    expect(isImageRequest("apt/curl" as RepositoryName, digest)).toBe(false);
    expect(isImageRequest("apt/curl" as RepositoryName, LATEST)).toBe(true);
  });

  it("never lets anything but a package's name through", () => {
    const component = fc.stringMatching(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/);
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 6 }), (components) => {
        const name = `apt/${components.join("/")}`;
        fc.pre(isRepositoryName(name));
        try {
          const { packages } = request(name);
          expect(packages.every((one) => isDebianPackageName(one) && !/^-|[\s?~*/=:]/.test(one))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
      }),
    );
  });
});
