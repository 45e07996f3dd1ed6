//! docs/configuration.md is made from the table of keys; this test keeps it so.

use gpuio_core::config::reference_markdown;

const INTRODUCTION: &str = "\
# Configuration

Set in code (`gpuio::Config`), by `GPUIO_*` variables, or in a TOML file that `config_file` names;
in this order, the first that says something wins. Sizes and durations take units: `64MiB`, `5s`.
Unknown keys are errors.

";

#[test]
fn the_document_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let wanted = format!("{INTRODUCTION}{}", reference_markdown());
    if std::env::var_os("GPUIO_TEST_UPDATE").is_some() {
        std::fs::write(path, &wanted).expect("writing the document");
    }
    let found = std::fs::read_to_string(path).expect("docs/configuration.md");
    assert!(
        found == wanted,
        "docs/configuration.md is out of date: run GPUIO_TEST_UPDATE=1 cargo test -p gpuio-core"
    );
}
