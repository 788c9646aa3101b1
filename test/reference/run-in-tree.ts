import { type CommandOutcome, run } from "../support/command.ts";

/** How to run a script in a tree. */
export interface TreeRun {
  /** Folder of the tree, which stays as it is. */
  readonly tree: string;
  /** For a POSIX shell in the tree. */
  readonly script: string;
}

/** A script is ended after this time: longer than any takes on a busy machine. */
const MAX_SECONDS = 300;
const ENVIRONMENT = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
  "TERM=dumb",
];

/**
 * Mounts what a container runtime would: a writable layer, `/proc`, and a `/dev` of its own. Takes the tree, the environment
 * and the script as arguments.
 */
const ENTER = `set -e
tree=$1; script=$2; shift 2
hostname c0ffee
ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$tree,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cd /mnt/root
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

/** Runs a script as root in a tree, as in a container without a network. Everything that it started is ended with it. */
export function runInTree({ tree, script }: TreeRun): Promise<CommandOutcome> {
  const limited = ["timeout", "--signal=KILL", String(MAX_SECONDS)];
  const namespaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"];
  return run([...limited, ...namespaces, "sh", "-c", ENTER, "sh", tree, script, ...ENVIRONMENT]);
}
