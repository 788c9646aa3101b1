// A program that runs in namespaces of its own: fills a new folder from a tar on its standard input.
import { contentPieces, tarEntries } from "../archive/tar-reader.ts";
import { workInFolder } from "./folder-program.ts";
import { takeInput } from "./program-channel.ts";
import { TreeWriter } from "./tree-writer.ts";

workInFolder((root) => {
  const tree = new TreeWriter(root);
  const input = { take: takeInput };
  for (const entry of tarEntries(input)) {
    const content = contentPieces(input, entry.size);
    tree.add(entry, content);
    for (const _ of content);
  }
  tree.finish();
});
