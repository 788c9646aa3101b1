// A program that runs in namespaces of its own, as their first process: enters a tree and becomes the command.
import { constants, openSync, writeSync } from "node:fs";
import { dropPrivileges, limitAddressSpace, limitResources, nameHost, resetSignals } from "./confinement.ts";
import { enterTree } from "./enter-tree.ts";
import {
  AT_FDCWD,
  byteString,
  call,
  cString,
  libc,
  SystemCallError,
  stringTable,
  systemCall,
} from "./libc.ts";
import { takeOrder } from "./program-channel.ts";
import { ENTERED, type StageOrder } from "./stage-order.ts";

const CLOSE_RANGE = 436;
const CLOSE_ON_EXEC = 4;

function enter(): StageOrder {
  const order = takeOrder<StageOrder>();
  enterTree(order);
  nameHost();
  call("leave the terminal", libc.setsid());
  call("replace the input", libc.dup2(openSync("/dev/null", "r"), 0));
  call("join the outputs", libc.dup2(1, 2));
  systemCall("hide descriptors", CLOSE_RANGE, 3, 0xffffffff, CLOSE_ON_EXEC);
  limitResources(order.limits);
  resetSignals();
  dropPrivileges();
  return order;
}

function execute({ command, environment, limits }: StageOrder): number {
  const [name = ""] = command;
  const program = cString(byteString(name));
  const values = stringTable(command.map(byteString));
  const variables = stringTable(environment.map(byteString));
  writeSync(1, Buffer.from([ENTERED]));
  try {
    // Find out now: under the limit, which is for the command, this program itself may get no memory and crash.
    call("execute", libc.faccessat(AT_FDCWD, program, constants.X_OK, 0));
    limitAddressSpace(limits);
    return call("execute", libc.execve(program, values.table, variables.table));
  } catch (error) {
    writeSync(1, `cannot execute ${name}: ${error instanceof Error ? error.message : error}\n`);
    return error instanceof SystemCallError && error.code === "ENOENT" ? 127 : 126;
  }
}

try {
  process.exitCode = execute(enter());
} catch (error) {
  writeSync(1, error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
