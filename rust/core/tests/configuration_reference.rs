//! docs/configuration.md is made from the table of keys; this test keeps it so.

use gpuio_core::config::reference_markdown;

#[test]
fn the_document_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let wanted = reference_markdown();
    if std::env::var_os("GPUIO_TEST_UPDATE").is_some() {
        std::fs::write(path, &wanted).expect("writing the document");
    }
    let found = std::fs::read_to_string(path).expect("docs/configuration.md");
    assert!(
        found == wanted,
        "docs/configuration.md is out of date: run GPUIO_TEST_UPDATE=1 cargo test -p gpuio-core"
    );
}
