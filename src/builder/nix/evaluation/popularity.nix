# Returns the popularity data of a package set, which is its attribute
# `popularity`: how often others refer to each package, by name with version.
# Null if it has none.
{ set, system, arguments ? "{}" }:
(import set (builtins.fromJSON arguments // { inherit system; })).popularity or null
