import { closeSync } from "node:fs";
import { openFolder } from "./file-facts.ts";
import { becomeRoot, enterFolder } from "./identity.ts";
import { AT_FDCWD } from "./libc.ts";
import { reportResult, send, takeOrder } from "./program-channel.ts";

/** The body of a program that works in one folder, as root of the sandbox. `work` gets the folder, opened. */
export function workInFolder(work: (root: number) => void): void {
  send("ready");
  reportResult(() => {
    const { folder } = takeOrder<{ readonly folder: string }>();
    enterFolder(folder);
    becomeRoot();
    const root = openFolder(AT_FDCWD, ".");
    work(root);
    closeSync(root);
  });
}
