#!/usr/bin/env bash
# exports.sh PREFIX: libgpuio.so has a soname and exports names of gpuio only.
set -euo pipefail
lib=$(find "$1" -name 'libgpuio.so.*' -type f)
[[ -f $lib ]] || { echo "no libgpuio.so below $1" >&2; exit 1; }

names=$(nm --dynamic --defined-only --demangle "$lib" | cut -d' ' -f3-)
grep -q '^gpuio::version()' <<<"$names" || { echo "gpuio::version() is not exported" >&2; exit 1; }
allowed='^(GPUIO_[0-9.]+$|gpuio_|gpuio::|(typeinfo|typeinfo name|vtable) for gpuio::)'
if grep -Ev "$allowed" <<<"$names"; then
    echo "the names above are exported and are not gpuio's" >&2
    exit 1
fi
readelf --dynamic "$lib" | grep -Eq 'SONAME.*\[libgpuio\.so\.[0-9]+\.[0-9]+\]' ||
    { echo "$lib has no soname with the minor version" >&2; exit 1; }
