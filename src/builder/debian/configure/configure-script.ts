/**
 * Everything that runs in the sandbox to configure packages: reads the plan, its first argument, then lets dpkg
 * configure the rest. For any POSIX shell.
 *
 * A preinst finds its package's control files where dpkg would have put them: debconf looks there for questions and for
 * their owner.
 */
export const CONFIGURE_SCRIPT = `set -f
cd /
database=/var/lib/dpkg
staged=$database/tmp.ci

# Scripts compare it with the version that they need.
running=$(dpkg --version | sed -n '1s/.*version //; 1s/ .*//p')

stage() { # NAME RECORD ARCHITECTURE
  rm -rf "$staged" && mkdir "$staged" || return
  { echo "Package: $1"; echo "Architecture: $3"; } >"$staged/control" || return
  set +f
  for kept in "$database/info/$2".*; do
    member=\${kept#"$database/info/$2."}
    # A dot: the file of a package whose name begins with this name.
    case $member in list | *.*) continue ;; esac
    cp -p "$kept" "$staged/$member" || return
  done
  set -f
}

run_preinst() { # NAME RECORD ARCHITECTURE
  stage "$1" "$2" "$3" || return
  DPKG_ADMINDIR=$database DPKG_ROOT= DPKG_RUNNING_VERSION=$running DPKG_MAINTSCRIPT_DEBUG=0 \\
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=$1 DPKG_MAINTSCRIPT_ARCH=$3 \\
    DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 "$staged/preinst" install </dev/null || return
  rm -rf "$staged"
}

while read -r kind words; do
  case $kind in
    preinst)
      run_preinst $words || { echo "slipway: preinst of \${words%% *} failed: $?"; exit 1; } ;;
    configure)
      dpkg --force-unsafe-io --configure $words </dev/null || exit ;;
    trigger)
      dpkg-trigger --no-await --by-package=dpkg "$words" </dev/null || exit ;;
    *)
      echo "slipway: unknown step: $kind"; exit 1 ;;
  esac
done <"$1" || exit
exec dpkg --force-unsafe-io --configure --pending </dev/null
`;

/** All environment variables of the scripts. The locale is the only one that every Debian image has. */
export const CONFIGURE_ENVIRONMENT: Readonly<Record<string, string>> = {
  DEBCONF_NONINTERACTIVE_SEEN: "true",
  DEBIAN_FRONTEND: "noninteractive",
  HOME: "/root",
  LC_ALL: "C.UTF-8",
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  TERM: "dumb",
  TZ: "UTC",
};

/** The command that configures packages after the plan (`dpkg-plan.ts`) in the file `planPath` of the tree. */
export function configureCommand(planPath: string): readonly string[] {
  return ["/bin/sh", "-c", CONFIGURE_SCRIPT, "configure", planPath];
}
