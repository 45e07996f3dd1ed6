//! Generates the C++ side of every `#[cxx::bridge]` module in this crate and compiles it together
//! with `cpp/src/*.cpp` into the static library that ends up inside `libgpuio`.
//!
//! `GPUIO_BUILD_WERROR=1` turns compiler warnings into errors; it is meant for working on gpuio,
//! so that a user's newer compiler with a new warning still builds it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let cpp_dir = crate_dir.join("../cpp").canonicalize()?;
    let headers = files_below(&cpp_dir.join("include"), &["hpp", "cuh", "h"])?;
    let sources = files_below(&cpp_dir.join("src"), &["cpp"])?;
    let private_headers = files_below(&cpp_dir.join("src"), &["hpp"])?;

    let mut build = cxx_build::bridges(bridges(&crate_dir)?);
    build
        .std("c++20")
        .include(cpp_dir.join("include"))
        .include(cpp_dir.join("src"))
        .files(&sources)
        .flag("-fvisibility=hidden")
        .flag("-Wall")
        .flag("-Wextra");
    for part in ["MAJOR", "MINOR", "PATCH"] {
        let value = variable(&format!("CARGO_PKG_VERSION_{part}"));
        build.define(&format!("GPUIO_CARGO_VERSION_{part}"), value.as_str());
    }
    if env::var_os("GPUIO_BUILD_WERROR").is_some_and(|value| value == "1") {
        build.flag("-Werror");
    }
    build.compile("gpuio_cpp");

    println!("cargo:rerun-if-env-changed=GPUIO_BUILD_WERROR");
    for path in headers.iter().chain(&sources).chain(&private_headers) {
        rerun_if_changed(path);
    }
    Ok(())
}

/// The crate's source files that hold a bridge, as paths relative to the crate: that is the form
/// in which cxx names the generated header (`gpuio-bindings/src/x.rs.h`).
fn bridges(crate_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files_below(&crate_dir.join("src"), &["rs"])? {
        rerun_if_changed(&path);
        if fs::read_to_string(&path)?
            .lines()
            .any(|line| line.starts_with("#[cxx::bridge"))
        {
            found.push(
                path.strip_prefix(crate_dir)
                    .expect("found below it")
                    .to_path_buf(),
            );
        }
    }
    Ok(found)
}

/// The files below `dir` with one of these extensions, sorted. The directories are watched as
/// well, because a new file changes no old one.
fn files_below(dir: &Path, extensions: &[&str]) -> io::Result<Vec<PathBuf>> {
    rerun_if_changed(dir);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path, extensions)?);
        } else if path
            .extension()
            .is_some_and(|it| extensions.iter().any(|&name| it == name))
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn rerun_if_changed(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

/// A variable that cargo always sets for build scripts.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name} from cargo: {error}"))
}
