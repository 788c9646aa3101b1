# Packages that try to reach what they may not. `port` is a server of the test on this host, `secret` a file of this host.
{ system ? builtins.currentSystem, port ? 0, secret ? "/nosuch", ... }:

let
  address = "http://127.0.0.1:${toString port}";
  make = name: fields: script:
    derivation ({
      inherit name system secret;
      builder = "/bin/sh";
      args = [ "-c" script ];
      PATH = "/usr/bin:/bin";
    } // fields);
  keeping = name: text: make name { inherit text; } "printf %s \"$text\" > $out";
  pathOf = text: /. + text;
  fixed = {
    outputHash = "0000000000000000000000000000000000000000000000000000000000000000";
    outputHashAlgo = "sha256";
    outputHashMode = "flat";
  };
  # Asks a server, by nothing but the shell.
  ask = "exec 3<> /dev/tcp/127.0.0.1/${toString port} && printf 'GET /build HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3";
in
{
  everywhere = make "everywhere" { } "mkdir $out; echo > $out/file";

  # While the set is evaluated.
  readsFile = keeping "reads-file" (builtins.readFile (pathOf secret));
  readsFolder = keeping "reads-folder" (builtins.toJSON (builtins.readDir (dirOf (pathOf secret))));
  copiesFile = keeping "copies-file" "${pathOf secret}";
  addsFile = keeping "adds-file" (builtins.path { name = "added"; path = pathOf secret; });
  importsFile = keeping "imports-file" (import (pathOf secret));
  findsFile = keeping "finds-file" (builtins.readFile (builtins.findFile [ { prefix = ""; path = dirOf secret; } ] (baseNameOf secret)));
  fetchesUrl = keeping "fetches-url" (builtins.readFile (builtins.fetchurl "${address}/url"));
  fetchesTarball = keeping "fetches-tarball" (builtins.readFile "${builtins.fetchTarball "${address}/tarball.tar.gz"}/x");
  fetchesGit = keeping "fetches-git" (builtins.readFile "${builtins.fetchGit "${address}/git"}/x");
  fetchesTree = keeping "fetches-tree" (builtins.readFile (builtins.fetchTree { type = "file"; url = "${address}/tree"; }));
  buildsMeanwhile = keeping "builds-meanwhile" (builtins.readFile (make "meanwhile" { } "cat \"$secret\" > $out"));
  runsProgram = keeping "runs-program" (builtins.exec [ "cat" secret ]);
  importsNative = keeping "imports-native" (builtins.importNative secret "initialise");

  # Not refused, perhaps: there is just nothing to see.
  listsAbove = make "lists-above" { text = builtins.toJSON (builtins.readDir (dirOf (dirOf (pathOf secret)))); } "printf 'listed=%s\n' \"$text\" > $out";
  readsEnvironment = keeping "reads-environment" "home=${builtins.getEnv "HOME"} path=${builtins.getEnv "PATH"} key=${builtins.getEnv "SLIPWAY_TEST_SECRET"}";

  # While a package is built.
  leavesSandbox = make "leaves-sandbox" { __noChroot = true; } "cat \"$secret\" > $out";
  readsInBuild = make "reads-in-build" { } "cat \"$secret\" > $out";
  lists = make "lists" { } ''
    {
      echo begin; ls /
      echo tmp:; ls -A /tmp
      echo user:; id -u
      # All but those that this takes.
      echo processes:; for one in /proc/[0-9]*; do cat $one/comm; done | grep -vxE 'sh|cat|grep'
      echo end
    } > $out 2>&1
  '';
  connects = make "connects" { builder = "/bin/bash"; } "${ask} > $out";
  # Are allowed the network, to download what they declare.
  downloads = make "downloads" (fixed // { builder = "/bin/bash"; }) "${ask} > $out";
  fetches = make "fetches" (fixed // { builder = "builtin:fetchurl"; system = "builtin"; url = "${address}/builtin"; }) "";
}
