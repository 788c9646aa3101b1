import type { SampleContent } from "./sample-content.ts";
import type { Stage } from "./stage.ts";

/** Pushes a blob by one POST, to prepare a pattern; resolves to its path. @throws if the push fails */
export async function pushContent(stage: Stage, repository: string, content: SampleContent): Promise<string> {
  const wire = await stage.connect();
  if (wire === undefined) throw new Error("the server does not accept connections");
  const path = `/v2/${repository}/blobs/uploads/?digest=${content.digest}`;
  await stage.send(wire, { method: "POST", path, body: content });
  const answer = await wire.answer;
  wire.close();
  if (answer?.status !== 201) throw new Error(`a blob was not taken: ${answer?.status ?? "no answer"}`);
  return `/v2/${repository}/blobs/${content.digest}`;
}
