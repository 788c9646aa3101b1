import { ptr } from "bun:ffi";
import { call, cString, libc } from "./libc.ts";
import type { SandboxLimits } from "./limits.ts";
import { type FilterArchitecture, filterBytes, systemCallFilter } from "./system-call-filter.ts";

/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETFCAP: what installing files takes. */
const KEPT_CAPABILITIES = [0, 1, 3, 4, 5, 6, 7, 31];
const LAST_CAPABILITY = 63;
const CAPABILITY_VERSION = 0x20080522;

const PR_SET_SECCOMP = 22;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SECCOMP_MODE_FILTER = 2;
const LAST_SIGNAL = 64;
const SIG_SETMASK = 2;

/** The resources' numbers. */
const CPU = 0;
const FSIZE = 1;
const CORE = 4;
const NPROC = 6;
const NOFILE = 7;
const AS = 9;

/** Names this host, and starts its loopback. */
export function nameHost(): void {
  call("set host name", libc.sethostname(cString("localhost"), 9));
  call("set domain name", libc.setdomainname(cString("(none)"), 6));
  const socket = call("open a socket", libc.socket(2, 2 | 0x80000, 0));
  const request = Buffer.alloc(40);
  request.write("lo", "latin1");
  request.writeUInt16LE(1, 16);
  call("start the loopback", libc.ioctl(socket, 0x8914, request));
}

/** Gives signals their meaning back, which Bun has changed. */
export function resetSignals(): void {
  for (let signal = 1; signal <= LAST_SIGNAL; signal += 1) libc.signal(signal, 0);
  call("unblock signals", libc.sigprocmask(SIG_SETMASK, new Uint8Array(128), null));
}

/** Sets all limits but that of the address space, which Bun itself exceeds. */
export function limitResources(limits: SandboxLimits): void {
  limit(CPU, limits.cpuSeconds);
  limit(FSIZE, limits.fileBytes);
  limit(CORE, 0);
  limit(NPROC, limits.processes);
  limit(NOFILE, limits.openFiles);
}

/** Limits the address space; between this and the command nothing may need memory. */
export function limitAddressSpace(limits: SandboxLimits): void {
  limit(AS, limits.addressSpaceBytes);
}

/** Gives up all capabilities but eight, for ever, and the system calls that the filter denies. */
export function dropPrivileges(): void {
  for (let capability = 0; capability <= LAST_CAPABILITY; capability += 1) {
    // Fails for numbers that the kernel does not know.
    if (!KEPT_CAPABILITIES.includes(capability)) libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  call("clear ambient capabilities", libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  const kept = KEPT_CAPABILITIES.reduce((mask, capability) => mask | (1 << capability), 0) >>> 0;
  const sets = new Uint32Array([kept, kept, 0, 0, 0, 0]);
  call("drop capabilities", libc.capset(new Uint32Array([CAPABILITY_VERSION, 0]), sets));
  call("forbid new privileges", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (process.arch !== "x64" && process.arch !== "arm64") throw new Error(`no filter for ${process.arch}`);
  const filter = filterBytes(systemCallFilter(process.arch satisfies FilterArchitecture));
  const program = new BigUint64Array([BigInt(filter.byteLength / 8), BigInt(ptr(filter))]);
  call("filter system calls", libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ptr(program), 0, 0));
}

/** Sets both limits, but not above the one that this process has. */
function limit(resource: number, value: number): void {
  const now = new BigUint64Array(2);
  call("read a limit", libc.getrlimit(resource, now));
  const most = now[1] ?? 0n;
  const lower = most < BigInt(value) ? most : BigInt(value);
  call(`set limit ${resource}`, libc.setrlimit(resource, new BigUint64Array([lower, lower])));
}
