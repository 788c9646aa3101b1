// A program that runs in namespaces of its own: empties a folder, whose files belong to ids of the sandbox.
import { namesIn } from "./file-facts.ts";
import { workInFolder } from "./folder-program.ts";
import { removeContent } from "./tree-writer.ts";

workInFolder((root) => removeContent(root, namesIn));
