#!/usr/bin/env bash
# check.sh PROGRAM COMPILER FLAGS...: the program does not compile, the diagnostics match each of
# its `// expect:` lines, and with CONTROL defined, which takes the offending lines out, it does.
set -euo pipefail
program=$1
shift
fail() { echo "$program: $*" >&2; exit 1; }

mapfile -t patterns < <(sed -n 's|^// expect: ||p' "$program")
((${#patterns[@]} > 0)) || fail "it names no expected diagnostic"
output=$("$@" -DCONTROL "$program" 2>&1) || fail "the control does not compile:"$'\n'"$output"
if output=$(LC_ALL=C "$@" "$program" 2>&1); then
    fail "it compiled, and must not"
fi
for pattern in "${patterns[@]}"; do
    grep -Eq -e "$pattern" <<<"$output" ||
        fail "it failed for another reason: nothing matches /$pattern/ in"$'\n'"$output"
done
