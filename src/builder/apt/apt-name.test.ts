import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { parseTag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { isRepositoryName } from "../../oci/repository-name.ts";
import { isDebianPackageName } from "../debian/package-name.ts";
import { MAX_REQUESTED_PACKAGES } from "../name-components.ts";
import type { PackageRequest } from "../package-source.ts";
import { readAptName } from "./apt-name.ts";

const AMD64 = { os: "linux", architecture: "amd64" };

function request(name: string, tag = "latest"): PackageRequest {
  return readAptName(name.split("/").slice(1), parseTag(tag), AMD64);
}

function faultOf(name: string, tag?: string): string | undefined {
  try {
    request(name, tag);
    return undefined;
  } catch (error) {
    return error instanceof RegistryError ? error.fault : String(error);
  }
}

describe("a name of Debian packages", () => {
  it("asks for its packages, whatever their order and however often each is named", () => {
    expect(request("apt/git/curl/git")).toEqual(request("apt/curl/git"));
    expect(request("apt/curl/git")).toEqual({
      packages: ["curl", "git"],
      platform: AMD64,
      revision: "latest",
    });
  });

  it("adds a shell and chooses a platform by its leading components", () => {
    const { packages, platform } = request("apt/shell/arm64/jq");
    expect(packages).toEqual(["bash", "coreutils", "jq", "less", "moreutils", "nano"]);
    expect(platform).toEqual({ os: "linux", architecture: "arm64" });
  });

  it("means a package by a component that no longer leads", () => {
    expect(request("apt/jq/shell").packages).toEqual(["jq", "shell"]);
  });

  it("spells plus signs out", () => {
    expect(request("apt/g_plus_plus").packages).toEqual(["g++"]);
    expect(request("apt/libstdc_plus_plus6").packages).toEqual(["libstdc++6"]);
  });

  it("chooses several platforms, in any order", () => {
    const both = request("apt/arm64/shell/amd64/curl");
    expect(both).toMatchObject({
      platform: { architecture: "amd64" },
      furtherPlatforms: [{ os: "linux", architecture: "arm64" }],
    });
    expect(request("apt/amd64/arm64/shell/curl")).toEqual(both);
  });

  it("takes any tag but latest for a suite", () => {
    expect(request("apt/curl", "bookworm-backports").revision).toBe("bookworm-backports");
  });

  it("asks for versions after two underscores", () => {
    expect(request("apt/curl__7.88.1-10_plusdeb12u14/g_plus_plus__4_colon12.2.0-3").packages).toEqual([
      "curl=7.88.1-10+deb12u14",
      "g++=4:12.2.0-3",
    ]);
    expect(request("apt/x11__1.0_tilde_tilderc1").packages).toEqual(["x11=1.0~~rc1"]);
    for (const name of ["curl__1__2", "curl__1_slash2", "a__1"]) {
      expect([name, faultOf(`apt/${name}`)]).toEqual([name, "package-unknown"]);
    }
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

  it("never lets anything but a package's name through", () => {
    const component = fc.stringMatching(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/);
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 6 }), (components) => {
        const name = `apt/${components.join("/")}`;
        fc.pre(isRepositoryName(name));
        try {
          const { packages } = request(name);
          for (const one of packages) {
            const [plain = "", version = "1", ...more] = one.split("=");
            expect(isDebianPackageName(plain) && !/[\s?~*/:]/.test(plain)).toBe(true);
            expect(version).toMatch(/^[0-9a-z][0-9a-z.+~:-]*$/);
            expect(more).toEqual([]);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
      }),
    );
  });
});
