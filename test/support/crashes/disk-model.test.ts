import { expect, it } from "bun:test";
import type { CallEvent, DiskCall } from "./disk-calls.ts";
import { DiskModel } from "./disk-model.ts";
import { FolderNode } from "./disk-nodes.ts";

const DISK = "/disk";

function call(thread: string, name: string, path: string): DiskCall {
  return {
    thread,
    name,
    paths: [`${DISK}/${path}`],
    bytes: undefined,
    number: undefined,
    flags: "O_CREAT",
    result: 0,
  };
}

function event(kind: CallEvent["kind"], one: DiskCall): CallEvent {
  return { kind, call: one, position: 0 };
}

/** The names in a folder, each with those in it. */
function namesIn(folder: FolderNode): Record<string, unknown> {
  return Object.fromEntries(
    [...folder.live].map(([name, node]) => [name, node instanceof FolderNode ? namesIn(node) : "file"]),
  );
}

it("keeps what a thread makes in folders whose makers end later in the recording", () => {
  const model = new DiskModel(DISK);
  const [outer, inner, file] = [
    call("1", "mkdir", "a"),
    call("2", "mkdir", "a/b"),
    call("3", "openat", "a/b/c"),
  ] as const;
  for (const one of [outer, inner, file]) model.apply(event("begin", one));
  for (const one of [file, inner, outer]) model.apply(event("end", one));
  expect(namesIn(model.root)).toEqual({ a: { b: { c: "file" } } });
  expect(model.unknownCalls).toBeEmpty();
});

it("says that it does not know a folder that nobody makes", () => {
  const model = new DiskModel(DISK);
  const file = call("1", "openat", "a/b");
  model.apply(event("begin", file));
  model.apply(event("end", file));
  expect([...model.unknownCalls]).toEqual(["a change in a, which nobody has made"]);
});
