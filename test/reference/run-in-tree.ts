import { type CommandOutcome, run } from "../support/command.ts";

/** How to run a script in a tree. */
export interface TreeRun {
  /** Folder of the tree, which stays as it is. */
  readonly tree: string;
  /** For a POSIX shell in the tree. */
  readonly script: string;
  /** Whether it can use this machine's network; by default, only a loopback of its own. */
  readonly network?: boolean;
}

/** A script is ended after this time: longer than any takes on a busy machine. */
const MAX_SECONDS = 300;
const ENVIRONMENT = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
  "TERM=dumb",
];

/**
 * Mounts what a container runtime would: a writable layer, `/proc`, a `/dev` of its own, and with this machine's network
 * its name servers. Takes the tree, the script, `network` or nothing, and the environment as arguments.
 */
const ENTER = `set -e
tree=$1; script=$2; network=$3; shift 3
hostname c0ffee
[ -n "$network" ] || ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$tree,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cd /mnt/root
[ -z "$network" ] || cp -L /etc/resolv.conf /etc/hosts etc/
mount -t proc proc proc
devices=$(mktemp -d /mnt/devices.XXXXXX)
mount -t tmpfs -o mode=0755 tmpfs "$devices"
for name in null zero full random urandom tty; do
  : >"$devices/$name"; mount --bind "/dev/$name" "$devices/$name"
done
mkdir "$devices/pts" "$devices/shm"
ln -s /proc/self/fd "$devices/fd"; ln -s fd/0 "$devices/stdin"; ln -s fd/1 "$devices/stdout"; ln -s fd/2 "$devices/stderr"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$devices/pts"; ln -s pts/ptmx "$devices/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$devices/shm"
mount --rbind "$devices" dev
mount -t tmpfs -o mode=0755 tmpfs run; mkdir -m 1777 run/lock
mount -t tmpfs -o mode=1777 tmpfs tmp
exec chroot . /usr/bin/env -i "$@" /bin/sh -c "$script"`;

/** Runs a script as root in a tree, as in a container. Everything that it started is ended with it. */
export function runInTree({ tree, script, network = false }: TreeRun): Promise<CommandOutcome> {
  const limited = ["timeout", "--signal=KILL", String(MAX_SECONDS)];
  const own = ["--mount", "--pid", ...(network ? [] : ["--net"]), "--uts", "--ipc"];
  const enter = ["sh", "-c", ENTER, "sh", tree, script, network ? "network" : ""];
  return run([...limited, "unshare", ...own, "--fork", "--kill-child", ...enter, ...ENVIRONMENT]);
}
