//! Finds and reads the files of the checkout.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Folders that hold nothing written by a person.
const SKIPPED: [&str; 3] = ["build", "target", ".git"];

/// One text file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the repository.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

impl Source {
    /// A file that exists only in a test.
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// Whether the name ends in one of these extensions (without dot).
    pub fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path
            .extension()
            .is_some_and(|it| extensions.iter().any(|&wanted| it == wanted))
    }
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `root` with one of these extensions, sorted by path.
pub fn sources(root: &Path, extensions: &[&str]) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    walk(root, root, extensions, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, dir: &Path, extensions: &[&str], found: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with("build-") {
                walk(root, &path, extensions, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|it| extensions.iter().any(|&wanted| it == wanted))
        {
            let relative = path
                .strip_prefix(root)
                .map_err(io::Error::other)?
                .to_path_buf();
            found.push(Source {
                path: relative,
                text: fs::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}
