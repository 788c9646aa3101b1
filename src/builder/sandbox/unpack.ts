// A program that runs in namespaces of its own: fills a new folder from a tar on its standard input.
import { closeSync } from "node:fs";
import { contentPieces, tarEntries } from "../archive/tar-reader.ts";
import { openFolder } from "./file-facts.ts";
import { becomeRoot, enterFolder } from "./identity.ts";
import { reportResult, send, takeInput, takeOrder } from "./program-channel.ts";
import { TreeWriter } from "./tree-writer.ts";

send("ready");
reportResult(() => {
  const { folder } = takeOrder<{ readonly folder: string }>();
  enterFolder(folder);
  becomeRoot();
  const root = openFolder(-100, ".");
  const tree = new TreeWriter(root);
  const input = { take: takeInput };
  for (const entry of tarEntries(input)) {
    const content = contentPieces(input, entry.size);
    tree.add(entry, content);
    for (const _ of content);
  }
  tree.finish();
  closeSync(root);
});
