// A program that runs in namespaces of its own: empties a folder, whose files belong to ids of the sandbox.
import { closeSync } from "node:fs";
import { namesIn, openFolder } from "./file-facts.ts";
import { becomeRoot, enterFolder } from "./identity.ts";
import { reportResult, send, takeOrder } from "./program-channel.ts";
import { removeContent } from "./tree-writer.ts";

send("ready");
reportResult(() => {
  const { folder } = takeOrder<{ readonly folder: string }>();
  enterFolder(folder);
  becomeRoot();
  const root = openFolder(-100, ".");
  removeContent(root, namesIn);
  closeSync(root);
});
