//! The repository's own rules. Each rule is a function from text to violations, so that its unit
//! tests can plant the fault it is there to catch; `tests/tree.rs` applies all to the checkout.
#![forbid(unsafe_code)]

pub mod crates;
pub mod functions;
pub mod headers;
pub mod lines;
pub mod strip;
pub mod tree;

use std::fmt;
use std::path::{Path, PathBuf};

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, relative to the repository.
    pub path: PathBuf,
    /// Counted from 1; 0 if the whole file is meant.
    pub line: usize,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl Violation {
    /// A violation at a line, or (line 0) of the whole file.
    pub fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_path_buf(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}
