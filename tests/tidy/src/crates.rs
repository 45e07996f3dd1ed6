//! Which crate may use which, and which may be unsafe.

use crate::strip::rust_code;
use crate::tree::Source;
use crate::Violation;

/// One crate of the workspace.
struct Rule {
    name: &'static str,
    folder: &'static str,
    /// Our own crates that it may depend on: arrows go down only.
    below: &'static [&'static str],
    may_be_unsafe: bool,
}

/// Every crate of the workspace; a new one must take its place here.
const RULES: &[Rule] = &[
    Rule {
        name: "gpuio-core",
        folder: "rust/core",
        below: &[],
        may_be_unsafe: false,
    },
    Rule {
        name: "gpuio-memory",
        folder: "rust/memory",
        below: &["gpuio-core"],
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-engines",
        folder: "rust/engines",
        below: &["gpuio-core", "gpuio-memory"],
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-workers",
        folder: "rust/workers",
        below: &["gpuio-core"],
        may_be_unsafe: false,
    },
    Rule {
        name: "gpuio-runtime",
        folder: "rust/runtime",
        below: &[
            "gpuio-core",
            "gpuio-memory",
            "gpuio-engines",
            "gpuio-workers",
        ],
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-cli",
        folder: "rust/cli",
        below: &[
            "gpuio-core",
            "gpuio-memory",
            "gpuio-engines",
            "gpuio-runtime",
        ],
        may_be_unsafe: false,
    },
    Rule {
        name: "gpuio-bindings",
        folder: "bindings",
        below: &["gpuio-core", "gpuio-memory", "gpuio-runtime"],
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-artifact",
        folder: "bindings/artifact",
        below: &["gpuio-bindings"],
        may_be_unsafe: false,
    },
    // Compares with other caches; a workspace of its own, so that their crates stay out of ours.
    Rule {
        name: "gpuio-bench-lookup",
        folder: "benches/lookup",
        below: &[],
        may_be_unsafe: false,
    },
    // The same for other pools of threads.
    Rule {
        name: "gpuio-bench-workers",
        folder: "benches/workers",
        below: &["gpuio-core", "gpuio-runtime", "gpuio-workers"],
        // Whoever registers memory for requests promises that it stays.
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-canary",
        folder: "tests/sanitize/canary",
        below: &[],
        may_be_unsafe: true,
    },
    Rule {
        name: "gpuio-sim",
        folder: "tests/sim",
        below: &["gpuio-core"],
        may_be_unsafe: false,
    },
    Rule {
        name: "gpuio-tidy",
        folder: "tests/tidy",
        below: &[],
        may_be_unsafe: false,
    },
];

/// Dependencies that point up or sideways, and crates without a rule.
pub fn arrows(manifest: &Source) -> Vec<Violation> {
    let Some(name) = value_of(&manifest.text, "name") else {
        return Vec::new(); // the workspace itself
    };
    if !name.starts_with("gpuio-") {
        return Vec::new(); // a project of the consumer tests
    }
    let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
        let message = format!("{name} has no rule in tests/tidy/src/crates.rs");
        return vec![Violation::new(&manifest.path, 0, message)];
    };
    own_dependencies(&manifest.text)
        .filter(|(_, dependency)| !rule.below.contains(dependency))
        .map(|(line, dependency)| {
            let message = format!(
                "{name} may not depend on {dependency}, only on {:?}",
                rule.below
            );
            Violation::new(&manifest.path, line, message)
        })
        .collect()
}

/// `unsafe` in a crate that has no business with it.
pub fn unsafe_code(source: &Source) -> Vec<Violation> {
    // The longest folder: bindings/artifact lies in bindings.
    let rule = RULES
        .iter()
        .filter(|rule| source.path.starts_with(rule.folder))
        .max_by_key(|rule| rule.folder.len());
    if rule.is_none_or(|rule| rule.may_be_unsafe) {
        return Vec::new();
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    rust_code(&source.text)
        .lines()
        .enumerate()
        .filter(|(_, line)| line.split(|c| !is_name(c)).any(|word| word == "unsafe"))
        .map(|(index, _)| Violation::new(&source.path, index + 1, "unsafe in a crate without it"))
        .collect()
}

/// The core must let the compiler refuse unsafe code, not only this test.
pub fn core_forbids_unsafe(core_lib: &Source) -> Option<Violation> {
    let forbidden = rust_code(&core_lib.text).contains("#![forbid(unsafe_code)]");
    let message = "the core must say #![forbid(unsafe_code)]";
    (!forbidden).then(|| Violation::new(&core_lib.path, 0, message))
}

/// The value of the first `key = "value"` line.
fn value_of<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    manifest.lines().find_map(|line| {
        line.strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')?
            .trim()
            .strip_prefix('"')?
            .split('"')
            .next()
    })
}

/// Our own crates in any table of dependencies, with their lines.
fn own_dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_table = false;
    manifest
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            if let Some(header) = line.strip_prefix('[') {
                let header = header.trim_end().trim_end_matches(']');
                in_table = header.ends_with("dependencies");
                // The form [dependencies.name].
                let name = header.rsplit_once("dependencies.").map(|(_, name)| name);
                return name
                    .filter(|name| name.starts_with("gpuio-"))
                    .map(|name| (index + 1, name));
            }
            let name = line.split(['=', '.', ' ']).next()?;
            (in_table && name.starts_with("gpuio-")).then_some((index + 1, name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, dependencies: &str) -> Source {
        Source::new(
            "Cargo.toml",
            &format!("[package]\nname = \"{name}\"\n\n{dependencies}\n"),
        )
    }

    #[test]
    fn an_arrow_that_points_up_is_found_in_every_form() {
        for form in [
            "[dependencies]\ngpuio-runtime = { workspace = true }",
            "[dev-dependencies]\ngpuio-runtime.workspace = true",
            "[target.'cfg(loom)'.dependencies]\ngpuio-runtime = { path = \"../runtime\" }",
            "[dependencies.gpuio-runtime]\nworkspace = true",
        ] {
            let found = arrows(&manifest("gpuio-memory", form));
            assert_eq!(found.len(), 1, "{form}");
            assert!(found[0]
                .message
                .contains("gpuio-memory may not depend on gpuio-runtime"));
        }
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let down = "[dependencies]\nlibc = \"0.2\"\ngpuio-core = { workspace = true }";
        assert_eq!(arrows(&manifest("gpuio-memory", down)), []);
    }

    #[test]
    fn a_crate_without_a_rule_is_found() {
        assert_eq!(arrows(&manifest("gpuio-new", "")).len(), 1);
    }

    #[test]
    fn unsafe_is_found_in_code_only() {
        let text = "// unsafe\nlet s = \"unsafe\";\nunsafe { f() }\n#![forbid(unsafe_code)]\n";
        let found = unsafe_code(&Source::new("rust/core/src/a.rs", text));
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [3]);
        assert_eq!(unsafe_code(&Source::new("rust/memory/src/a.rs", text)), []);
        assert_eq!(
            unsafe_code(&Source::new("bindings/artifact/src/lib.rs", text)).len(),
            1
        );
    }

    #[test]
    fn a_core_that_forbids_only_in_a_comment_is_found() {
        let says = |text| core_forbids_unsafe(&Source::new("lib.rs", text));
        assert!(says("// #![forbid(unsafe_code)]").is_some());
        assert!(says("#![forbid(unsafe_code)]").is_none());
    }
}
