#!/usr/bin/env bash
# expect_failure.sh CODE TEXT PROGRAM ARGUMENT... - succeeds if the program ends with exit code CODE
# and stderr has TEXT in it.
set -uo pipefail
code=$1 text=$2
shift 2
message=$("$@" 2>&1 >/dev/null)
status=$?
printf 'exit code %d: %s\n' "$status" "$message"
[[ $status -eq $code ]] || { printf 'expected exit code %d\n' "$code"; exit 1; }
[[ $message == *"$text"* ]] || { printf 'expected "%s" in the message\n' "$text"; exit 1; }
