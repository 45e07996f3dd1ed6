//! Plants bugs into a copy of the scheduler, one at a time, and expects the simulation to find
//! each. A simulation that finds nothing in good code has only shown that it ran.

mod bugs;

use bugs::{Bug, BUGS};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

/// Just what the copy needs. Little optimisation: most bugs show within a second.
const WORKSPACE: &str = r#"
[profile.dev]
opt-level = 1
debug = false
incremental = true
"#;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Makes the second folder hold what the first does, and nothing else.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let source = from.join(entry.file_name());
        if !source.exists() {
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            write_changed(&target, &fs::read_to_string(entry.path())?)?;
        }
    }
    Ok(())
}

/// What has not changed keeps its time, so that it is not compiled again.
fn write_changed(path: &Path, text: &str) -> io::Result<()> {
    let is_same = fs::read_to_string(path).is_ok_and(|old| old == text);
    if is_same {
        return Ok(());
    }
    fs::write(path, text)
}

/// The repository's manifest with the two crates alone.
fn manifest() -> io::Result<String> {
    let whole = fs::read_to_string(repository().join("Cargo.toml"))?;
    let profiles = whole.find("# Ten million").unwrap_or(whole.len());
    let lines = whole[..profiles].lines().map(|line| {
        if line.starts_with("members") {
            "members = [\"rust/core\", \"tests/sim\"]"
        } else {
            line
        }
    });
    Ok(lines.collect::<Vec<_>>().join("\n") + WORKSPACE)
}

fn make_copy(root: &Path) -> io::Result<()> {
    for folder in ["rust/core/src", "tests/sim/src"] {
        copy_folder(&repository().join(folder), &root.join(folder))?;
    }
    for file in ["rust/core/Cargo.toml", "tests/sim/Cargo.toml"] {
        write_changed(
            &root.join(file),
            &fs::read_to_string(repository().join(file))?,
        )?;
    }
    // The lock is written by cargo, too, which takes the other crates out of it.
    if !root.join("Cargo.lock").exists() {
        fs::copy(repository().join("Cargo.lock"), root.join("Cargo.lock"))?;
    }
    write_changed(&root.join("Cargo.toml"), &manifest()?)
}

fn cargo(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        // Sanitizers have nothing to look for here, and a bug may leave something unused.
        .env("RUSTFLAGS", "-Awarnings")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("cargo runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Plants one bug, says what the simulation said, and takes it out again.
fn plant(root: &Path, bug: &Bug) -> Result<(), String> {
    let file = root.join("rust/core/src/scheduling").join(bug.file);
    let good = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    if good.matches(bug.old).count() != 1 {
        return Err(format!("{} has not exactly one place for it", bug.file));
    }
    fs::write(&file, good.replace(bug.old, bug.new)).map_err(|error| error.to_string())?;
    let build = cargo(root, &["build", "--offline", "--quiet", "-p", "gpuio-sim"]);
    let result = if build.status.success() {
        let arguments = ["run", "--offline", "--quiet", "-p", "gpuio-sim", "--"];
        let campaign = ["chaos", "--seeds", "60", "--requests", "10000"];
        expect(&cargo(root, &[&arguments[..], &campaign[..]].concat()), bug)
    } else {
        Err(format!("it does not compile: {}", text(&build)))
    };
    fs::write(&file, good).map_err(|error| error.to_string())?;
    result
}

fn expect(run: &Output, bug: &Bug) -> Result<(), String> {
    let said = text(run);
    if run.status.success() {
        return Err("it was not found".into());
    }
    let is_found = bug.expect.iter().any(|words| said.contains(words));
    if !is_found || !said.contains("to repeat: cargo run") {
        return Err(format!("something else was found: {said}"));
    }
    println!("{}: {}", bug.name, said.lines().next().unwrap_or(""));
    Ok(())
}

#[test]
fn every_planted_bug_is_found() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
    make_copy(&root).expect("a copy of the two crates");
    let missed: Vec<String> = BUGS
        .iter()
        .filter_map(|bug| {
            let missed = plant(&root, bug).err()?;
            Some(format!("{}: {missed}", bug.name))
        })
        .collect();
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}
