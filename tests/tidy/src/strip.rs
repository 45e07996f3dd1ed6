//! Blanks out what is not code in Rust source: comments, strings, character literals. Line breaks
//! stay, so line numbers stay.

/// The same text with every comment and literal replaced by blanks.
pub fn rust_code(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let literal = skipped_bytes(rest, &code);
        let taken = if literal == 0 {
            first.len_utf8()
        } else {
            literal
        };
        let (head, tail) = rest.split_at(taken);
        if literal == 0 {
            code.push_str(head);
        } else {
            code.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = tail;
    }
    code
}

/// The length of the comment or literal that `rest` begins with; 0 if it begins with code.
fn skipped_bytes(rest: &str, before: &str) -> usize {
    let in_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment_bytes(rest)
    } else if rest.starts_with('"') {
        string_bytes(rest)
    } else if !in_name && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        raw_string_bytes(rest)
    } else if !in_name && (rest.starts_with("br\"") || rest.starts_with("br#")) {
        1 + raw_string_bytes(&rest[1..])
    } else if rest.starts_with('\'') {
        char_bytes(rest)
    } else {
        0
    }
}

/// Block comments nest.
fn block_comment_bytes(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_bytes(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == '"' {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on; 0 for a raw identifier such as `r#type`.
fn raw_string_bytes(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = 2 + hashes;
    rest[start..]
        .find(&end)
        .map_or(rest.len(), |at| start + at + end.len())
}

/// `'x'` or `'\n'`; 0 for a lifetime.
fn char_bytes(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|&(_, c)| c == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::rust_code;

    #[test]
    fn comments_and_literals_vanish_and_lines_stay() {
        let text = "a /* { /* { */ { */ b // {\n\"{\\\"{\" c r#\"{\"\n\"# d '{' '\\'' e";
        let code = rust_code(text);
        assert!(!code.contains('{'), "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
        assert_eq!(code.split_whitespace().collect::<String>(), "abcde");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        for text in ["fn f<'a>(x: &'a str) {}", "let r#type = 1;", "for_bar\"\""] {
            assert_eq!(rust_code(text).trim_end(), text.trim_end_matches('"'));
        }
    }
}
