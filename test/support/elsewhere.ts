/** Surroundings that must not show in what a server makes: another time zone and locale. */
export const ELSEWHERE = { TZ: "Asia/Tokyo", LC_ALL: "C", LANG: "de_DE.UTF-8" };

const ENTER = `umask 077; hostname elsewhere.invalid; exec "$@"`;

/** Runs a command as root on a host of another name, with another mode mask. Needs unshare. */
export function onOtherHost(command: readonly string[]): readonly string[] {
  return ["unshare", "--uts", "--", "sh", "-c", ENTER, "sh", ...command];
}
