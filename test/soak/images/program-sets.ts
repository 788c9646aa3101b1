import { type ImageSet, imageSet } from "./image-set.ts";

const HELLO_C = `int puts(const char *); int main(void) { return puts("hello") < 0; }`;
const HELLO_GO = `package main

/*
#include <stdlib.h>
*/
import "C"
import "fmt"

func main() { fmt.Println("hello", C.abs(-42)) }`;
const SECURE_JAVA = `public class Secure { public static void main(String[] a) throws Exception {
  System.out.println(javax.net.ssl.SSLContext.getDefault().getProtocol()); } }`;

/** Languages and their tools. */
export const LANGUAGE_SETS: readonly ImageSet[] = [
  imageSet(
    "openjdk-17-jre-headless",
    `java -version 2>&1 | head -1; keytool -list -cacerts -storepass changeit 2>/dev/null | grep -c trustedCert; ls /usr/lib/jvm`,
    /^openjdk version "17.*\n1\d\d\n/,
  ),
  imageSet(
    "default-jdk-headless",
    `cd /tmp; cat >Secure.java <<'E'\n${SECURE_JAVA}\nE\njavac Secure.java && java Secure; readlink -f "$(command -v javac)"`,
    /^Default\n\/usr\/lib\/jvm\//,
  ),
  imageSet(
    "php-cli",
    `ls /etc/php/*/cli/conf.d | wc -l; php -r 'echo json_encode([42]), "\\n";'; php -m | md5sum`,
    /^1\d\n\[42\]\n/,
  ),
  imageSet(
    "python3 python3-pip python3-venv",
    `python3 -m venv /tmp/v; echo $?; /tmp/v/bin/pip --version | cut -d" " -f1; find / -xdev -name "*.pyc" -path "/usr/*" | sort | md5sum
     find / -xdev -name "*.pyc" -path "/usr/*" | wc -l`,
    /^0\npip\n.*\n1\d{3}\n$/,
  ),
  imageSet(
    "python3-numpy",
    `python3 -c 'import numpy; print(numpy.ones(3).sum())'; readlink -f /usr/lib/*/libblas.so.3`,
    /^3.0\n\/usr\/lib/,
  ),
  imageSet(
    "ruby",
    `ruby -e 'puts [1, 2].sum'; gem --version >/dev/null; echo $?; readlink -f /usr/bin/ruby`,
    /^3\n0\n\/usr\/bin\/ruby/,
  ),
  imageSet("perl", `perl -MJSON::PP -e 'print encode_json([42]), "\\n"'; perl -v | md5sum`, /^\[42\]\n/),
  imageSet("nodejs npm", `node -p '40+2'; npm --version; ls /usr/share/nodejs | wc -l`, /^42\n\d+\.\d+/),
  imageSet(
    "gcc libc6-dev make",
    `cd /tmp; echo '${HELLO_C}' >hello.c; make hello >/dev/null 2>&1; ./hello; cc -o other hello.c 2>/dev/null; ./other; readlink -f /usr/bin/cc`,
    /^hello\nhello\n\/usr\/bin\//,
  ),
  imageSet(
    "golang-go gcc libc6-dev",
    `cd /tmp; cat >hello.go <<'E'\n${HELLO_GO}\nE\nCGO_ENABLED=1 GOCACHE=/tmp/cache GOFLAGS=-mod=mod go run hello.go`,
    /^hello 42\n$/,
  ),
  imageSet(
    "zsh fish",
    `zsh -c "autoload -U compinit; compinit -u; echo ok"; fish -c "echo ok"; sort /etc/shells | md5sum; grep -c zsh /etc/shells`,
    /^ok\nok\n/,
  ),
  imageSet(
    "emacs-nox",
    `emacs --batch --eval '(princ (+ 40 2))'; echo; readlink -f /usr/bin/emacs /usr/bin/editor`,
    /^42\n/,
  ),
];

/** Programs with files that are computed when they are installed: caches, indexes, capabilities. */
export const PROGRAM_SETS: readonly ImageSet[] = [
  imageSet("graphviz", `echo 'digraph{a->b}' | dot -Tsvg | grep -c '<svg'; dot -c; echo $?`, /^1\n0\n$/),
  imageSet(
    "fontconfig fonts-dejavu-core",
    `fc-list | wc -l; fc-cache -v | grep -c "existing cache is valid"; fc-match sans`,
    /^[1-9]\d*\n[1-9]\n.*DejaVu/,
  ),
  imageSet(
    "shared-mime-info libglib2.0-bin",
    `echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >/tmp/a.svg
     gio info -a standard::content-type /etc/passwd /tmp/a.svg | grep content-type`,
    /text\/plain\n.*image\/svg\+xml\n$/,
  ),
  imageSet("aspell aspell-en", `echo helo | aspell -a | tail -2 | head -1`, /^& helo \d+ 0: hello/),
  imageSet(
    "locales",
    `locale -a; localedef -i de_DE -f UTF-8 de_DE.UTF-8; echo $?; locale -a | grep de_DE`,
    /^C\n.*\n.*\n0\nde_DE/s,
  ),
  imageSet("tzdata", `date -d @0; cat /etc/timezone; readlink /etc/localtime`, /UTC 1970\nEtc\/UTC\n/),
  imageSet(
    "vim-tiny less man-db",
    `man -w ls; apropos -e man | head -1; stat -c %U /var/cache/man/index.db; readlink -f /usr/bin/vi`,
    /\nman\n\/usr\/bin\/vim.tiny\n$/,
  ),
  imageSet(
    "perl-doc zutils",
    `dpkg-divert --list | sort; ls -l /usr/bin/perldoc* | wc -l; perldoc -V; zcat --version | head -1; ls /usr/bin/zcat* /bin/zcat*`,
    /perldoc.stub/,
  ),
  imageSet(
    "ffmpeg",
    `cd /tmp; ffmpeg -loglevel error -f lavfi -i color=c=red:s=64x64:d=1 out.mp4; ffprobe -loglevel error -show_entries format=duration -of csv out.mp4`,
    /^format,1/,
  ),
  imageSet(
    "imagemagick",
    `cd /tmp; convert -size 8x8 xc:red a.png; identify -format "%m %w\\n" a.png; readlink -f /usr/bin/convert`,
    /^PNG 8\n/,
  ),
  imageSet(
    "librsvg2-bin",
    `cd /tmp; echo '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>' >a.svg
     rsvg-convert a.svg | head -c 4 | od -An -c | tr -d " "; ls /usr/lib/*/gdk-pixbuf-2.0/*/loaders.cache | wc -l`,
    /PNG\n1\n$/,
  ),
  imageSet(
    "git gnupg",
    `git init -q /tmp/g; echo $?; gpg --batch --quiet --passphrase "" --quick-gen-key a@b 2>/dev/null; gpg --list-keys 2>/dev/null | grep -c a@b
     git --version`,
    /^0\n1\ngit version/,
  ),
  imageSet(
    "ca-certificates wget openssl",
    `openssl verify -CApath /etc/ssl/certs /etc/ssl/certs/ISRG_Root_X1.pem; ls /etc/ssl/certs | md5sum; wget --version | head -1
     md5sum </etc/ssl/certs/ca-certificates.crt; update-ca-certificates | head -2`,
    /OK\n/,
  ),
  imageSet(
    "iputils-ping libcap2-bin",
    `getcap /usr/bin/ping; setpriv --reuid 65534 --clear-groups ping -c1 127.0.0.1 | grep -c "1 received"`,
    /cap_net_raw=ep\n1\n$/,
  ),
  imageSet(
    "adwaita-icon-theme gtk-update-icon-cache",
    `ls /usr/share/icons/Adwaita | md5sum; gtk-update-icon-cache --validate /usr/share/icons/Adwaita; echo $?`,
    /\n0\n$/,
  ),
  imageSet(
    "dictionaries-common wamerican hunspell-en-us",
    `readlink -f /usr/share/dict/words; ls /var/cache/dictionaries-common | md5sum; echo helo | hunspell -a -d en_US | tail -2 | head -1`,
    /american-english\n/,
  ),
  imageSet("texinfo info", `info --where info; wc -l </usr/share/info/dir`, /info/),
  imageSet(
    "ghostscript",
    `echo '(hi) = quit' | gs -q -dNODISPLAY -dBATCH - | tail -1; ls /var/lib/ghostscript/fonts | md5sum`,
    /^hi\n/,
  ),
];
