# A package set of a few small packages, which need neither a network nor another set: their builder is the host's
# /bin/sh. What goes wrong in real sets is here too.
{ system ? builtins.currentSystem, greeting ? "hello", ... }:

let
  make = name: fields: script:
    derivation ({
      inherit name system;
      builder = "/bin/sh";
      args = [ "-ec" script ];
      PATH = "/usr/bin:/bin";
    } // fields);

  # A program, which is a script for the host's shell.
  program = name: fields: make "${name}-1.0" fields ''
    mkdir -p $out/bin $out/share/${name} $out/nix-support
    printf '#!/bin/sh\necho ${greeting} from ${name} %s\n' "''${needs:-}" > $out/bin/${name}
    chmod 755 $out/bin/${name}
    echo ${name} > $out/share/${name}/text
    ln -s bin $out/sbin
  '';

  library = make "library-2.1" { } "mkdir -p $out/lib; echo code > $out/lib/library.so; mkdir $out/empty";
in
{
  inherit library;
  program = program "program" { needs = library; };
  apart = program "apart" { };
  everywhere = make "everywhere-1" { system = builtins.currentSystem; } "mkdir -p $out/etc/ssl/certs; echo certificates > $out/etc/ssl/certs/ca-bundle.crt";
  MixedCase = program "mixed" { };
  _0digit = program "digit" { };
  "dotted2.5" = program "dotted" { };
  "plus+" = program "plus" { };
  nested.camelCase.innerPkg = program "inner" { };
  described = program "described" { } // {
    meta = { mainProgram = "described"; priority = 3; license = throw "a broken fact"; };
  };
  licensed = program "licensed" { } // {
    meta = { license = [ { spdxId = "MIT"; } { spdxId = "Zlib"; } ]; homepage = "https://licensed.invalid"; };
  };
  split = make "split-1" { outputs = [ "out" "dev" ]; } ''
    mkdir -p $out/bin $dev/include; echo run > $out/bin/split; chmod 755 $out/bin/split; echo header > $dev/include/split.h
  '';
  oneFile = make "one-file" { } "printf '#!/bin/sh\\n' > $out; chmod 755 $out";
  rival = make "rival-1" { } "mkdir -p $out/bin; echo rival > $out/bin/apart; chmod 755 $out/bin/apart";

  # Builds here for any platform.
  portable = make "portable-${system}" { system = builtins.currentSystem; } "echo > $out";
  # Says more than a pipe holds.
  chatty = make "chatty-1" { } "i=0; while [ $i -lt 20000 ]; do echo a line of a long build log; i=$((i+1)); done; echo > $out";
  # Other bytes each time.
  unsteady = make "unsteady-1" { } "mkdir -p $out/bin; cat /proc/sys/kernel/random/uuid > $out/bin/unsteady";
  needsUnsteady = program "needs-unsteady" { needs = make "unsteady-library-1" { } "cat /proc/sys/kernel/random/uuid > $out"; };
  # Two megabytes.
  large = make "large-1" { } "mkdir $out; head -c 2000000 /dev/zero > $out/large";

  # Read by the plan `nixery`.
  popularity = { "library-2.1" = 100; };

  notPackage = { a = 1; };
  text = "only text";
  throws = throw "this package was removed; see https://example.invalid/why";
  aborts = abort "this package cannot be evaluated";
  broken = 1 + "a type error";
  endless = let f = x: f (x + 1); in f 0;
  # Takes time and hardly any memory.
  endlessFold =
    let
      many = builtins.genList (n: n) 100000;
      each = step: start: builtins.foldl' (sum: _: step sum) start many;
    in
    each (each (each (sum: sum + 1))) 0;
  # Takes memory and hardly any time.
  huge = let doubled = n: text: if n == 0 then text else doubled (n - 1) (text + text); in doubled 40 "huge";
  readsHost = make "reads-host" { host = builtins.readFile /etc/hostname; } "echo $host > $out";
  fails = make "fails-1" { } "echo this package never builds >&2; exit 3";
  needsFailing = program "needs-failing" { needs = make "fails-inside-1" { } "exit 4"; };
  # Without end: one that ends by itself may do so before Nix has counted its log.
  noisy = make "noisy" { } "while :; do echo a line of a long build log; done";
  stays = make "stays" { marker = greeting; } "sleep 600";
}
