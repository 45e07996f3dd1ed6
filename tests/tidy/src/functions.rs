//! The length of Rust functions.

use crate::strip::rust_code;
use crate::tree::Source;
use crate::Violation;

/// Lines of a function, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are too long.
pub fn too_long(source: &Source) -> Vec<Violation> {
    let code = rust_code(&source.text);
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    function_starts(&code)
        .filter_map(|start| {
            let first = line_of(start);
            let count = line_of(body_end(&code, start)?) - first + 1;
            let message = format!("a function of {count} lines; at most {FUNCTION_LINES_MAX}");
            (count > FUNCTION_LINES_MAX).then(|| Violation::new(&source.path, first, message))
        })
        .collect()
}

/// Where the keyword `fn` stands before a name (and not in a type such as `fn(u8)`).
fn function_starts(code: &str) -> impl Iterator<Item = usize> + '_ {
    code.match_indices("fn ").map(|(at, _)| at).filter(|&at| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Where the body of the function at `start` ends; none if it has no body.
fn body_end(code: &str, start: usize) -> Option<usize> {
    let mut brackets = 0usize;
    let mut braces = 0usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.checked_sub(1)?,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && brackets == 0 {
                    return Some(start + at);
                }
            }
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!(
            "fn short() {{}}\n\npub fn f(x: [u8; 2]) -> u8 {{\n{}}}\n",
            "x;\n".repeat(lines - 2)
        )
    }

    #[test]
    fn a_function_of_71_lines_is_found_and_one_of_70_is_not() {
        assert_eq!(too_long(&Source::new("a.rs", &function_of(70))), []);
        let found = too_long(&Source::new("a.rs", &function_of(71)));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
        assert!(found[0].message.contains("71"), "{}", found[0]);
    }

    #[test]
    fn braces_in_literals_and_bodiless_functions_do_not_mislead() {
        let text = format!(
            "trait T {{\n fn g();\n}}\nfn f() {{ \"}}\"; '}}'; }}{}",
            "\n".repeat(90)
        );
        assert_eq!(too_long(&Source::new("a.rs", &text)), []);
        let nested = format!("mod m {{ {} }}", function_of(80));
        assert_eq!(too_long(&Source::new("a.rs", &nested)).len(), 1);
    }
}
