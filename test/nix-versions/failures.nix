# What fails in each way that a package can fail, and a little that does not: see record-texts.ts.
let
  make = name: fields: script:
    derivation ({
      inherit name;
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" script ];
      PATH = "/usr/bin:/bin";
    } // fields);
  fixed = {
    outputHash = "0000000000000000000000000000000000000000000000000000000000000000";
    outputHashAlgo = "sha256";
    outputHashMode = "flat";
  };
  needing = name: needed: make name { inherit needed; } "exit 3";
  wrongHash = make "wrong-hash" fixed "echo other > $out";
in
{
  evaluations = {
    throws = throw "this package was removed";
    throwsLines = throw "this package is unfree\na) allow it\n\nb) take another one";
    throwsInside = { a.b = throw "this package was removed"; };
    asserts = assert 1 == 2; 1;
    aborts = abort "this package cannot be evaluated";
    wrongType = 1 + "a string";
    missingAttribute = { one = 1; }.two;
    endlessValue = let x = x + 1; in x;
    endlessCall = let f = x: f (x + 1); in f 0;
    outOfMemory = builtins.foldl' (sum: list: sum + builtins.length list) 0
      (builtins.genList (x: builtins.genList (y: x) 10000000) 1000);
    readsFile = builtins.readFile /etc/hostname;
    copiesFile = "${/etc/hostname}";
    fetchesUrl = builtins.fetchurl "http://127.0.0.1:9/x";
    fetchesGit = builtins.fetchGit "file:///nosuch/repository";
    buildsMeanwhile = builtins.readFile (make "meanwhile" { } "echo > $out");
    runsProgram = builtins.exec [ "id" ];
  };
  builds = {
    fails = make "fails" { } "echo a line of a log; exit 3";
    needsFailing = needing "needs-failing" (make "fails-inside" { } "exit 4");
    slow = make "slow" { } "sleep 600";
    slower = make "slower" { } "sleep 601";
    needsSlow = needing "needs-slow" (make "slow-inside" { } "sleep 602");
    flood = make "flood" { } "while :; do echo a line; done";
    inherit wrongHash;
    needsWrongHash = needing "needs-wrong-hash" wrongHash;
    download = make "download" (fixed // {
      builder = "builtin:fetchurl"; system = "builtin"; url = "http://127.0.0.1:9/x";
    }) "";
    otherSystem = make "other-system" { system = "riscv64-linux"; } "";
    noOutput = make "no-output" { } "true";
    noSandbox = make "no-sandbox" { __noChroot = true; } "echo > $out";
    noBuilder = make "no-builder" { builder = "/nosuch/builder"; } "";
    unsteady = make "unsteady" { } "cat /proc/sys/kernel/random/uuid > $out";
    large = make "large" { } "head -c 3000000 /dev/zero > $out";
  };
}
