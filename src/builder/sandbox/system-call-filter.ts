/** Processors for which there is a filter. */
export type FilterArchitecture = "x64" | "arm64";

/** A BPF instruction: the code, how many to skip if true and if false, and a constant. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, constant: number];

/** System calls that fail with EPERM: the numbers on x86-64 and on arm64. */
export const DENIED: Readonly<
  Record<string, readonly [x64?: number | undefined, arm64?: number | undefined]>
> = {
  acct: [163, 89],
  add_key: [248, 217],
  adjtimex: [159, 171],
  bpf: [321, 280],
  chroot: [161, 51],
  clock_adjtime: [305, 266],
  clock_settime: [227, 112],
  create_module: [174, undefined],
  delete_module: [176, 106],
  fanotify_init: [300, 262],
  finit_module: [313, 273],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  get_mempolicy: [239, 236],
  init_module: [175, 105],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  ioperm: [173, undefined],
  iopl: [172, undefined],
  kcmp: [312, 272],
  kexec_file_load: [320, 294],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  lookup_dcookie: [212, 18],
  mbind: [237, 235],
  migrate_pages: [256, 238],
  modify_ldt: [154, undefined],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  move_pages: [279, 239],
  nfsservctl: [180, 42],
  open_by_handle_at: [304, undefined],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  pidfd_getfd: [438, 438],
  pivot_root: [155, 41],
  process_madvise: [440, 440],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  ptrace: [101, 117],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  reboot: [169, 142],
  request_key: [249, 218],
  set_mempolicy: [238, 237],
  set_mempolicy_home_node: [450, 450],
  setdomainname: [171, 162],
  sethostname: [170, 161],
  setns: [308, 268],
  settimeofday: [164, 170],
  swapoff: [168, 225],
  swapon: [167, 224],
  _sysctl: [156, undefined],
  syslog: [103, 116],
  umount2: [166, 39],
  unshare: [272, 97],
  uselib: [134, undefined],
  userfaultfd: [323, 282],
  ustat: [136, undefined],
  vhangup: [153, 58],
};

/** What else the filter looks at, by processor. */
const ARCHITECTURES = {
  x64: { index: 0, audit: 0xc000003e, clone: 56, clone3: 435, socket: 41, ioctl: 16 },
  arm64: { index: 1, audit: 0xc00000b7, clone: 220, clone3: 435, socket: 198, ioctl: 29 },
} as const;

const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const IF_ANY_BIT = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const FAIL = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Offsets in what a filter sees of a system call; arguments are read in their lower halves. */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const ARGUMENT_0_AT = 16;
const ARGUMENT_1_AT = 24;

/** Numbers from here on are those of x32, another set of calls on x86-64. */
const X32_NUMBERS = 0x40000000;
/** Flags of `clone` that make namespaces. */
const NAMESPACE_FLAGS = 0x7e020000;
/** UNIX, IPv4, IPv6, netlink. */
const FAMILIES = [1, 2, 10, 16];
/** TIOCSTI and TIOCLINUX, which type into a terminal. */
const TYPING = [0x5412, 0x541c];

/**
 * The filter for the system calls of a stage. `clone3`, whose flags a filter cannot see, and the calls of other
 * processors do not exist for it (ENOSYS), so programs use what they used before.
 */
export function systemCallFilter(architecture: FilterArchitecture): readonly Instruction[] {
  const { index, audit, clone, clone3, socket, ioctl } = ARCHITECTURES[architecture];
  const denied = Object.values(DENIED).flatMap((numbers) => numbers[index] ?? []);
  return [
    [LOAD, 0, 0, ARCHITECTURE_AT],
    [IF_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, FAIL | ENOSYS],
    [LOAD, 0, 0, NUMBER_AT],
    [IF_AT_LEAST, 0, 1, X32_NUMBERS],
    [RETURN, 0, 0, FAIL | ENOSYS],
    ...ifNumber(clone3, [[RETURN, 0, 0, FAIL | ENOSYS]]),
    ...denied.flatMap((number) => ifNumber(number, [[RETURN, 0, 0, FAIL | EPERM]])),
    ...ifNumber(clone, [
      [LOAD, 0, 0, ARGUMENT_0_AT],
      [IF_ANY_BIT, 0, 1, NAMESPACE_FLAGS],
      [RETURN, 0, 0, FAIL | EPERM],
      [RETURN, 0, 0, ALLOW],
    ]),
    ...ifNumber(socket, [
      [LOAD, 0, 0, ARGUMENT_0_AT],
      ...FAMILIES.flatMap((family) => ifNumber(family, [[RETURN, 0, 0, ALLOW]])),
      [RETURN, 0, 0, FAIL | EAFNOSUPPORT],
    ]),
    ...ifNumber(ioctl, [
      [LOAD, 0, 0, ARGUMENT_1_AT],
      ...TYPING.flatMap((request) => ifNumber(request, [[RETURN, 0, 0, FAIL | EPERM]])),
      [RETURN, 0, 0, ALLOW],
    ]),
    [RETURN, 0, 0, ALLOW],
  ];
}

/** The filter as the kernel reads it. */
export function filterBytes(filter: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(filter.length * 8);
  for (const [index, [code, ifTrue, ifFalse, constant]] of filter.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(constant, index * 8 + 4);
  }
  return bytes;
}

/** Does `then` if the loaded value is `number`, else goes on behind it. */
function ifNumber(number: number, then: readonly Instruction[]): readonly Instruction[] {
  return [[IF_EQUAL, 0, then.length, number], ...then];
}
