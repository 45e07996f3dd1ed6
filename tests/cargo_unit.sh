#!/usr/bin/env bash
# cargo_unit.sh LOG COMMAND...: runs the command, showing its output and keeping it in LOG.
set -euo pipefail
log=$1
shift
"$@" 2>&1 | tee "$log"
