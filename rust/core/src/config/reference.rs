//! The reference of all keys, for the documentation and for `gpuio info`.

use super::keys::{Key, KEYS};

/// A Markdown table of every key: its name in code and in the file, its variable, its default and
/// its meaning.
pub fn reference_markdown() -> String {
    let mut table =
        String::from("| key | variable | default | meaning |\n| --- | --- | --- | --- |\n");
    for key in KEYS {
        let (variable, default) = (key.variable(), (key.default_text)());
        let name = key.name;
        let meaning = meaning(key);
        table.push_str(&format!(
            "| `{name}` | `{variable}` | {default} | {meaning} |\n"
        ));
    }
    table
}

fn meaning(key: &Key) -> String {
    let lines: Vec<&str> = key.documentation.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}
