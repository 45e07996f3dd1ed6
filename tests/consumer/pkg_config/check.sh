#!/usr/bin/env bash
# check.sh PREFIX WORK CXX: builds the app with pkg-config's flags, from a copy of the installed
# tree, because an installed tree can be moved.
set -euo pipefail
prefix=$1 work=$2 cxx=$3
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$work"
mkdir -p "$work"
cp -R "$prefix" "$work/moved"
pc=$(find "$work/moved" -name gpuio.pc)
[[ -n $pc ]] || { echo "no gpuio.pc below $prefix" >&2; exit 1; }
export PKG_CONFIG_PATH=${pc%/*}
libdir=$(pkg-config --variable=libdir gpuio)
[[ $(realpath "$libdir") == "$(realpath "$work")"/moved/* ]] ||
    { echo "gpuio.pc points outside the tree it lies in: $libdir" >&2; exit 1; }

# Unquoted on purpose: pkg-config prints several words.
# shellcheck disable=SC2046
"$cxx" -std=c++20 "$here/../app/main.cpp" -o "$work/app" $(pkg-config --cflags --libs gpuio)
LD_LIBRARY_PATH=$libdir "$work/app"
