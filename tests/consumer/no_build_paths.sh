#!/usr/bin/env bash
# no_build_paths.sh PREFIX FOLDER...: no installed text file names one of the folders.
set -euo pipefail
prefix=$1
shift
[[ -n $(find "$prefix" -name gpuioConfig.cmake) ]] || { echo "no package in $prefix" >&2; exit 1; }
for folder in "$@"; do
    if grep -rIF -e "$folder" "$prefix"; then
        echo "an installed file names $folder: the package cannot be moved" >&2
        exit 1
    fi
done
