# shellcheck shell=bash
# Shared by the scripts in this folder: sourced, never run. Everything they make lies in $build.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # used by the scripts that source this
build=$root/build
jobs=$(nproc)
# One folder for all builds: crates that are the same are compiled once.
cargo_target_dir=${GPUIO_BUILD_CARGO_TARGET_DIR:-$root/build/cargo}

# What building, and testing, takes beside Rust. Examples: CLI11, nlohmann-json.
# shellcheck disable=SC2034
build_packages=(g++ cmake ninja-build pkg-config libcli11-dev nlohmann-json3-dev)
# shellcheck disable=SC2034
test_packages=(libgtest-dev python3-venv)

say() { printf '\n== %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need_packages PACKAGE...: installs the Debian packages that are missing, and says which.
need_packages() {
    local missing=() package
    command -v dpkg-query >/dev/null ||
        { say "no dpkg here: please see that you have the like of: $*"; return 0; }
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0

    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "please install as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    # The lists may be absent or too old; try with what is there, then refresh them.
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}")
    "${install[@]}" >&2 || { "${as_root[@]}" apt-get update --quiet=2 >&2 && "${install[@]}" >&2; } ||
        die "apt-get could not install: ${missing[*]}"
}

# need_rust: puts cargo on the PATH. Rust is not installed for you: it is a choice of toolchain.
need_rust() {
    [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]] && PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    command -v cargo >/dev/null ||
        die "cargo was not found. Install Rust 1.85 or newer from https://rustup.rs"
}

# configure_and_build CMAKE PRESET FOLDER [CMAKE ARGUMENT...]: builds in build/FOLDER. Goes on after
# an error, so that one run shows them all.
configure_and_build() {
    local cmake=$1 preset=$2 folder=$build/$3
    shift 3
    (cd "$root" &&
        "$cmake" --preset "$preset" -B "$folder" "-DGPUIO_CARGO_TARGET_DIR=$cargo_target_dir" \
            "$@" &&
        "$cmake" --build "$folder" --parallel "$jobs" -- -k 0) >&2
}

# configure_and_build_cuda FOLDER [CMAKE ARGUMENT...]: the same with CUDA, fetching the toolkit.
configure_and_build_cuda() {
    local folder=$1 toolkit bin=$build/cuda-venv/bin
    shift
    toolkit=$("$root/scripts/cuda-toolkit") || return 1
    CUDACXX=$toolkit/bin/nvcc configure_and_build "$bin/cmake" cuda "$folder" \
        "-DCUDAToolkit_ROOT=$toolkit" "-DCMAKE_MAKE_PROGRAM=$bin/ninja" "$@"
}
