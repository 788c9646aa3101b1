# A package set to list, never to build. What breaks an evaluation in real sets is here, among packages that must not
# suffer from it.
{ system ? builtins.currentSystem, edition ? "first", many ? 0, ... }:

let
  make = name: facts: derivation { inherit name system; builder = "/bin/sh"; } // facts;
  sound = name: make "${name}-1.0" { version = "1.0"; meta.description = "${name}, ${edition} edition"; };
  endless = x: 1 + endless (x + 1);
  generated = builtins.listToAttrs (builtins.genList (at: {
    name = "many${toString at}";
    value = make "many-${toString at}" { version = "0.${toString at}"; meta.description = "one of many"; };
  }) many);
in
generated // {
  alpha = sound "alpha";
  omega = sound "omega";
  MixedCase = sound "mixed";
  folded = sound "folded-exact";
  Folded = sound "folded-other";
  _0digit = sound "digit";
  "plus+" = sound "plus";
  "dotted2.5" = sound "dotted";
  "cannot be written" = sound "spaces";
  _hidden = sound "hidden";

  full = make "full-2.1" {
    meta = {
      description = "Everything\n  that can be said";
      homepage = [ "https://example.org/full" "https://example.org/mirror" ];
      license = [ { spdxId = "MIT"; fullName = "MIT License"; } { shortName = "gpl3"; } { fullName = "Own terms"; } "BSD" ];
      mainProgram = "everything";
    };
  };
  sameProgram = make "sameProgram" { meta.mainProgram = "sameProgram"; };
  # One broken fact leaves the others.
  brokenFacts = make "broken-facts-3" {
    version = throw "no version";
    meta = { description = throw "no text"; homepage = 1; license = [ (throw "no license") ]; mainProgram = { }; };
  };
  brokenMeta = make "broken-meta-4" { meta = throw "no meta"; };

  throws = throw "this package was removed";
  asserts = assert false; sound "asserts";
  aborts = abort "this package cannot be evaluated";
  typeError = 1 + "a type error";
  missing = { }.missing;
  infinite = let x = x; in x;
  endless = endless 0;
  typeErrorInside = make "inside" { meta = { description = "text" + 1; }; };

  text = "only text";
  aFunction = x: x;
  plainSet = { inside = sound "not-listed"; };
  nested = {
    recurseForDerivations = true;
    Inner = sound "inner";
    broken = 1 + "a type error";
    deeper = { recurseForDerivations = true; innermost = sound "innermost"; };
    notDeeper = { skipped = sound "skipped"; };
  };
  itself = let self = { recurseForDerivations = true; again = self; one = sound "one"; }; in self;
}
