import { MediaType } from "../../../../src/oci/media-types.ts";
import type { Pattern } from "../pattern.ts";
import { requestHead, type Stage } from "../stage.ts";

/** Clients whose PATCH stops in the middle, while others ask how far it is and cancel it. */
export class HangingPatches implements Pattern {
  readonly name = "hanging-patches";
  readonly summary =
    "100 PATCHes stop in the middle; each upload's status is asked, and the upload cancelled";
  readonly isFairnessCase = false;

  async prepare(): Promise<void> {}

  async run(stage: Stage): Promise<void> {
    await stage.clients(100, async () => {
      const started = await stage.ask({ method: "POST", path: "/v2/hanging/patches/blobs/uploads/" });
      const path = started?.headers.get("location");
      const wire = path === undefined ? undefined : await stage.connect();
      if (path === undefined || wire === undefined) return;
      await wire.send(requestHead("PATCH", path, { "content-length": "10000000" }));
      await wire.send(stage.random.bytes(1000 + stage.random.below(300_000)));
      await stage.rest(3000, 1);
      await stage.ask({ method: "GET", path });
      await stage.ask({ method: "DELETE", path });
      wire.close();
    });
  }
}

/** Clients that send a large manifest byte by byte. */
export class DrippingManifests implements Pattern {
  readonly name = "dripping-manifests";
  readonly summary = "60 clients push a manifest of 4 MB at one byte a second";
  readonly isFairnessCase = false;

  async prepare(): Promise<void> {}

  async run(stage: Stage): Promise<void> {
    const head = requestHead("PUT", "/v2/dripping/manifests/manifests/latest", {
      "content-type": MediaType.ociManifest,
      "content-length": "4000000",
    });
    await stage.clients(60, async () => {
      const wire = await stage.connect();
      if (wire === undefined) return;
      await wire.send(head);
      let answered = false;
      void wire.answer.then(() => {
        answered = true;
      });
      while (!answered && (await wire.send(" "))) await stage.rest(1000, 1);
      stage.count(await wire.answer);
      wire.close();
      await stage.rest(1000, 1);
    });
  }
}
