import { NEW_CONFFILE } from "./dpkg-package.ts";
import { FIRST_IN_PATH } from "./replaced-programs.ts";

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
# Files that several packages have are not there until they are placed.
placing=$2
if [ -e "$placing/place-shared" ]; then
  while read -r path; do rm -f "$path" || exit; done <"$placing/place-shared"
fi

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

# dpkg-divert moves no file that its package has already.
hide_list() { [ ! -e "$placing/place-$1.list" ] || mv "$database/info/$2.list" "$placing/hidden-list"; }
show_list() { [ ! -e "$placing/place-$1.list" ] || mv "$placing/hidden-list" "$database/info/$2.list"; }

# As dpkg unpacks them: where a diversion of another package leads, and over another package's file only if it is replaced.
# Configuring the package puts a configuration file from its new name in its place.
place() { # NAME
  taken=$placing/placed
  rm -rf "$taken"
  mkdir "$taken" && tar -xf "$placing/place-$1.tar" --numeric-owner -p -C "$taken" || return
  while read -r index role ending path; do
    target=$path
    diverted=$(dpkg-divert --truename "$path")
    if [ "$(dpkg-divert --listpackage "$path")" != "$1" ]; then target=$diverted
    # dpkg-divert moves no file that has a new name.
    elif [ -e "$path${NEW_CONFFILE}" ]; then mv "$path${NEW_CONFFILE}" "$diverted${NEW_CONFFILE}" || return
    fi
    [ "$ending" != now ] || ending=
    if [ -e "$target" ] || [ -L "$target" ] || [ -e "$target${NEW_CONFFILE}" ]; then
      case $role in
        replaced) continue ;;
        refuses) echo "slipway: $1 cannot be unpacked: it would overwrite $target"; exit 1 ;;
      esac
    fi
    mkdir -p "\${target%/*}" && mv -f "$taken/$index" "$target$ending" || return
  done <"$placing/place-$1.list"
}

run_preinst() { # NAME RECORD ARCHITECTURE
  stage "$1" "$2" "$3" || return
  hide_list "$1" "$2" || return
  DPKG_ADMINDIR=$database DPKG_ROOT= DPKG_RUNNING_VERSION=$running DPKG_MAINTSCRIPT_DEBUG=0 \\
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=$1 DPKG_MAINTSCRIPT_ARCH=$3 \\
    DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 "$staged/preinst" install </dev/null || return
  show_list "$1" "$2" || return
  rm -rf "$staged"
}

while read -r kind words; do
  case $kind in
    preinst)
      run_preinst $words || { echo "slipway: preinst of \${words%% *} failed: $?"; exit 1; } ;;
    place)
      place "$words" || { echo "slipway: $words cannot be unpacked: $?"; exit 1; } ;;
    configure)
      dpkg --force-unsafe-io --abort-after=1 --configure $words </dev/null || exit ;;
    trigger)
      dpkg-trigger --no-await --by-package=dpkg "$words" </dev/null || exit ;;
    *)
      echo "slipway: unknown step: $kind"; exit 1 ;;
  esac
done <"$1" || exit
exec dpkg --force-unsafe-io --abort-after=1 --configure --pending </dev/null
`;

/**
 * All environment variables of the scripts. The locale is the only one that every Debian image has. Perl and Python have their
 * hashes in the same order each time, as scripts write lists in that order.
 */
export const CONFIGURE_ENVIRONMENT: Readonly<Record<string, string>> = {
  DEBCONF_NONINTERACTIVE_SEEN: "true",
  DEBIAN_FRONTEND: "noninteractive",
  HOME: "/root",
  LC_ALL: "C.UTF-8",
  PATH: `${FIRST_IN_PATH}:/usr/sbin:/usr/bin:/sbin:/bin`,
  PERL_HASH_SEED: "0",
  PERL_PERTURB_KEYS: "0",
  PYTHONHASHSEED: "0",
  TERM: "dumb",
  TZ: "UTC",
};

/**
 * The command that configures packages after the plan (`dpkg-plan.ts`) in the file `planPath` of the tree.
 *
 * @param placingFolder the folder with the files that {@link placingFiles} made, if there are any; it can be written
 */
export function configureCommand(planPath: string, placingFolder: string): readonly string[] {
  return ["/bin/sh", "-c", CONFIGURE_SCRIPT, "configure", planPath, placingFolder];
}
