#!/usr/bin/env bash
# Runs the examples over data several times larger than the cache they are given.
#
#   run_demo.sh BUILD_DIR          graph searches and the embedding gather
#   run_demo.sh BUILD_DIR FILE     statistics of that file
#
# Data goes to BUILD_DIR/demo-data and is kept for the next run.
#   GPUIO_DEMO_RMAT_SCALE   log2 of the R-MAT graph's vertices (20: 128 MiB of edges; 23: 1 GiB)
#   GPUIO_DEMO_SUFFIX       "_cuda" runs the programs that nvcc compiled
# Exit code: 0 every result is right, 1 something failed or differs, 2 wrong usage.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/fetch_data.sh
source "$here/fetch_data.sh"

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

fail() {
  printf 'run_demo.sh: %s\n' "$*" >&2
  exit 1
}

heading() {
  printf '\n== %s\n' "$*"
}

# run_checked PROGRAM ARGUMENT... - remembers a failure and goes on with the next program.
run_checked() {
  local program=$1 status=0
  shift
  "$programs/$program$suffix" "$@" --summary "$summary" || status=$?
  if [[ $status -ne 0 ]]; then
    failed=1
    printf '%s\t-\t-\t-\t-\t-\t-\tFAILED (%d)\n' "$program" "$status" >>"$summary"
  fi
}

make_graphs() {
  gpuio_fetch_wordnet
  [[ -s $data/wordnet.csr ]] || "$programs/wordnet_csr" --output "$data/wordnet.csr"
  [[ -s $rmat ]] && return
  # Renamed at the end: an interrupted run leaves no file that looks whole.
  "$programs/rmat_csr" --scale "$scale" --output "$rmat.part"
  mv "$rmat.part" "$rmat"
}

# The summary's tab-separated lines as a table.
print_summary() {
  awk -F '\t' '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }
      if (NF > columns) columns = NF }
    END { for (r = 1; r <= NR; r++) {
            for (i = 1; i <= columns; i++) printf "%-*s  ", width[i], cell[r, i]
            printf "\n" } }' "$summary"
}

case ${1-} in
  -h | --help) usage; exit 0 ;;
esac
if [[ $# -lt 1 || $# -gt 2 ]]; then
  usage >&2
  exit 2
fi

build=$1
suffix=${GPUIO_DEMO_SUFFIX-}
scale=${GPUIO_DEMO_RMAT_SCALE-20}
[[ $scale =~ ^[1-9][0-9]?$ && $scale -le 31 ]] ||
  { printf 'GPUIO_DEMO_RMAT_SCALE must be 1 to 31, it is "%s"\n' "$scale" >&2; exit 2; }
programs=$build/examples
[[ -x $programs/graph_bfs$suffix ]] || fail "there is no $programs/graph_bfs$suffix; build first"

data=$build/demo-data
rmat=$data/rmat-$scale.csr
summary=$data/summary.tsv
failed=0
mkdir -p "$data"
printf 'work\tdata\tcache\tL1 hits\tL2 hits\tmoved\ttime\tresult\n' >"$summary"

if [[ $# -eq 2 ]]; then
  heading "statistics of $2"
  run_checked file_stats "$2"
else
  heading 'input data'
  make_graphs
  gpuio_fetch_model "$data"
  heading 'breadth-first search over WordNet'
  run_checked graph_bfs "$data/wordnet.csr"
  heading "breadth-first search over an R-MAT graph of scale $scale"
  run_checked graph_bfs "$rmat"
  heading 'rows of a token-embedding matrix, gathered and mean-pooled'
  run_checked embedding_gather "$data/model.safetensors" --sequences 1024
fi
heading 'summary'
print_summary
exit "$failed"
