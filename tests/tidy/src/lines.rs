//! Rules about single lines and the number of lines.

use crate::tree::Source;
use crate::Violation;

/// Columns of a line of code, in characters.
pub const COLUMNS_MAX: usize = 100;
/// Lines of a Rust file.
pub const RUST_LINES_MAX: usize = 800;
/// Lines of a C++ header.
pub const HEADER_LINES_MAX: usize = 500;

/// What is written while working and must not stay. In pieces, for this file is checked too.
const LEFTOVERS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!("),
];

/// Lines that are too long.
pub fn too_long(source: &Source) -> Vec<Violation> {
    each_line(source, |line| {
        let columns = line.chars().count();
        (columns > COLUMNS_MAX).then(|| format!("{columns} columns; at most {COLUMNS_MAX}"))
    })
}

/// Notes to self and debugging aids.
pub fn leftovers(source: &Source) -> Vec<Violation> {
    each_line(source, |line| {
        let word = LEFTOVERS.iter().find(|&&word| contains_word(line, word))?;
        Some(format!("{word} left behind"))
    })
}

/// Files with too many lines.
pub fn too_many(source: &Source) -> Option<Violation> {
    let limit = if source.has_extension(&["rs"]) {
        RUST_LINES_MAX
    } else if source.has_extension(&["hpp", "cuh", "h"]) {
        HEADER_LINES_MAX
    } else {
        return None;
    };
    let count = source.text.lines().count();
    let message = format!("{count} lines; at most {limit}: one idea a file");
    (count > limit).then(|| Violation::new(&source.path, 0, message))
}

fn each_line(source: &Source, check: impl Fn(&str) -> Option<String>) -> Vec<Violation> {
    let numbered = source.text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| Some(Violation::new(&source.path, index + 1, check(line)?)))
        .collect()
}

/// Whether `word` stands in `line` on its own, not inside a longer name.
fn contains_word(line: &str, word: &str) -> bool {
    let is_name = |it: Option<char>| it.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !is_name(before) && (word.ends_with('(') || !is_name(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_101_columns_is_found_and_one_of_100_is_not() {
        let source = Source::new(
            "a.cpp",
            &format!("{}\n{}\n", "x".repeat(100), "é".repeat(101)),
        );
        let found = too_long(&source);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }

    #[test]
    fn leftovers_are_found_as_words() {
        for word in LEFTOVERS {
            let source = Source::new("a.rs", &format!("let x = 1;\n// {word} later\n"));
            assert_eq!(leftovers(&source).len(), 1, "{word}");
        }
        let names = format!("let my{0} = 1; // {0}S and {0}_x", LEFTOVERS[0]);
        assert_eq!(leftovers(&Source::new("a.rs", &names)), []);
    }

    #[test]
    fn a_file_past_its_limit_is_found() {
        for (path, limit) in [("a.rs", RUST_LINES_MAX), ("a.hpp", HEADER_LINES_MAX)] {
            assert!(too_many(&Source::new(path, &"\n".repeat(limit))).is_none());
            assert!(too_many(&Source::new(path, &"\n".repeat(limit + 1))).is_some());
        }
    }
}
