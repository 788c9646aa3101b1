# Finds the packages of an image in a package set. Evaluated with JSON in and out; see evaluation.ts.
#
# Returns for each name the attribute that it means, its derivation and its
# output; or why there is none.
{
  # The folder of the set.
  set,
  system,
  # The names, as a JSON list of strings.
  names,
  # Arguments of the set besides `system`, as a JSON object.
  arguments ? "{}",
}:

let
  inherit (builtins)
    attrNames concatStringsSep filter fromJSON head isAttrs isString length listToAttrs map match replaceStrings split
    stringLength substring tail tryEval typeOf;

  root = import set (fromJSON arguments // { inherit system; });

  characters = text: builtins.genList (at: substring at 1 text) (stringLength text);
  upper = characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = characters "abcdefghijklmnopqrstuvwxyz";
  fold = replaceStrings upper lower;

  # The names of a set by their folded form. Of several with the same form, the
  # first in byte order.
  folded = attrs: listToAttrs (map (name: { name = fold name; value = name; }) (attrNames attrs));
  rootFolded = folded root;

  # The spellings of a component to try: as it is, with `_` before a leading
  # digit, with `+` for `_plus`.
  spellings = component:
    let
      plus = replaceStrings [ "_plus" ] [ "+" ] component;
      digit = text: if match "[0-9].*" text != null then [ text ("_" + text) ] else [ text ];
    in
    digit component ++ (if plus == component then [ ] else digit plus);

  # The attribute of `attrs` that a component means, or null.
  find = attrs: attrsFolded: component:
    let
      exact = filter (name: attrs ? ${name}) (spellings component);
      alike = filter (name: attrsFolded ? ${name}) (map fold (spellings component));
    in
    if exact != [ ] then head exact
    else if alike != [ ] then attrsFolded.${head alike}
    else null;

  # The path of attributes that components mean, or null. An attribute's name
  # can contain dots.
  descend = attrs: attrsFolded: components:
    let
      name = find attrs attrsFolded (head components);
      value = attrs.${name};
      deeper = descend value (folded value) (tail components);
      joined = find attrs attrsFolded (concatStringsSep "." components);
      whole = if joined == null then null else [ joined ];
    in
    if length components == 1 then (if name == null then null else [ name ])
    else if name == null || !isAttrs value then whole
    else if deeper == null then whole
    else [ name ] ++ deeper;

  valueAt = attrs: path: if path == [ ] then attrs else valueAt attrs.${head path} (tail path);

  # A fact about a package that may be missing or broken.
  fact = value: default:
    let result = tryEval (builtins.deepSeq value value);
    in if result.success then result.value else default;

  # An SPDX licence expression, or null. Made from one licence or a list of
  # them, each a set with its SPDX name.
  licenseOf = license:
    let
      names = map (one: one.spdxId or null) (if builtins.isList license then license else [ license ]);
      known = filter isString names;
    in
    if names != [ ] && length known == length names then concatStringsSep " AND " known else null;

  describe = path: value:
    let
      found = tryEval (value.meta or { });
      meta = if found.success && isAttrs found.value then found.value else { };
      text = value: if isString value then value else null;
    in {
      attribute = concatStringsSep "." path;
      drvPath = builtins.unsafeDiscardStringContext value.drvPath;
      output = value.outputName or "out";
      # A set with `outPath` would become only that path in JSON.
      path = builtins.unsafeDiscardStringContext value.outPath;
      priority = let p = fact (meta.priority or 5) 5; in if builtins.isInt p then p else 5;
      mainProgram = text (fact (meta.mainProgram or null) null);
      license = fact (licenseOf (meta.license or null)) null;
      homepage = text (fact (meta.homepage or null) null);
      # Writes the derivation, on which the paths above depend.
      instantiated = stringLength value.drvPath > 0;
    };

  answer = name:
    let
      path = descend root rootFolded (filter isString (split "\\." name));
      value = valueAt root path;
      isPackage = isAttrs value && (value.type or null) == "derivation";
    in
    { inherit name; }
    // (if path == null then { error = "not-found"; }
    else if !isPackage then { error = "not-a-package"; kind = typeOf value; }
    else describe path value);

  answers = map answer (fromJSON names);
in
{
  inherit answers;
  # For suggestions.
  attributes = if filter (one: (one.error or null) == "not-found") answers == [ ] then [ ] else attrNames root;
}
