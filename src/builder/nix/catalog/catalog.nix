# Lists the packages of a package set. Evaluated with JSON in and out; see nix-catalog.ts.
#
# Without `slices`, returns the names of all attributes. With them, returns one
# answer for each attribute of each slice, in order: a package, the names of a
# nested set, or null.
{
  # The folder of the set.
  set,
  system,
  # Arguments of the set besides `system`, as a JSON object.
  arguments ? "{}",
  # A JSON list of slices: the path of attributes to the set, the index of the
  # first attribute, and their number.
  slices ? "null",
}:

let
  inherit (builtins)
    attrNames concatStringsSep deepSeq elemAt filter foldl' fromJSON genList head isAttrs isList isString map parseDrvName
    tryEval unsafeDiscardStringContext;

  root = import set (fromJSON arguments // { inherit system; });

  # The value, or the default if it throws. Type errors and the like end the
  # whole evaluation.
  try = value: default: let result = tryEval value; in if result.success then result.value else default;
  whole = value: default: try (deepSeq value value) default;

  text = value: let found = whole value ""; in if isString found then unsafeDiscardStringContext found else "";
  first = values: let texts = filter (one: one != "") values; in if texts == [ ] then "" else head texts;

  homepage = value: let found = whole value ""; in if isList found then first (map text found) else text found;

  license = value:
    let found = try value ""; in
    if isList found then concatStringsSep ", " (filter (one: one != "") (map license found))
    else if isAttrs found then
      first [ (text (found.spdxId or "")) (text (found.shortName or "")) (text (found.fullName or "")) ]
    else text found;

  package = value:
    let
      found = try (value.meta or { }) { };
      meta = if isAttrs found then found else { };
    in {
      version = first [ (text (value.version or "")) (text (parseDrvName (text (value.name or ""))).version) ];
      description = text (meta.description or "");
      homepage = homepage (meta.homepage or "");
      license = license (meta.license or "");
      mainProgram = text (meta.mainProgram or "");
    };

  answer = attribute:
    let value = try attribute null; in
    if !isAttrs value then null
    else if try (value.type or null) null == "derivation" then package value
    else if try (value.recurseForDerivations or false) false == true then { nested = attrNames value; }
    else null;

  answers = { path, from, count }:
    let
      attrs = foldl' (value: name: value.${name}) root path;
      names = attrNames attrs;
    in
    genList (at: answer attrs.${elemAt names (from + at)}) count;
in
if fromJSON slices == null then attrNames root else builtins.concatMap answers (fromJSON slices)
