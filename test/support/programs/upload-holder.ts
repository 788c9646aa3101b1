// Holds the lock of an upload until it is killed. Arguments: the driver's folder, the upload's id.
import type { UploadId } from "../../../src/content/content-driver.ts";
import { FilesystemDriver } from "../../../src/content/filesystem-driver.ts";

const [root = "", id = ""] = process.argv.slice(2);
const driver = await FilesystemDriver.open({ root });
console.log(typeof driver.lockUpload(id as UploadId) === "object" ? "held" : "not held");
setInterval(() => {}, 60_000);
