//! Applies every rule to the checkout.

use gpuio_tidy::tree::{root, sources, Source};
use gpuio_tidy::{crates, functions, headers, lines, Violation};

const CODE: [&str; 6] = ["rs", "cpp", "hpp", "cu", "cuh", "h"];

fn files(extensions: &[&str]) -> Vec<Source> {
    let found = sources(&root(), extensions).expect("the checkout is readable");
    assert!(
        !found.is_empty(),
        "no {extensions:?} file: the test looks in the wrong place"
    );
    found
}

fn file(path: &str) -> Source {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    Source::new(path, &text)
}

fn expect_none(violations: impl IntoIterator<Item = Violation>) {
    let list: Vec<String> = violations.into_iter().map(|it| it.to_string()).collect();
    assert!(list.is_empty(), "\n{}", list.join("\n"));
}

#[test]
fn no_line_is_too_long() {
    expect_none(files(&CODE).iter().flat_map(lines::too_long));
}

#[test]
fn no_file_is_too_long() {
    expect_none(files(&CODE).iter().filter_map(lines::too_many));
}

#[test]
fn nothing_is_left_behind() {
    expect_none(files(&CODE).iter().flat_map(lines::leftovers));
}

#[test]
fn no_function_is_too_long() {
    expect_none(files(&["rs"]).iter().flat_map(functions::too_long));
}

#[test]
fn crates_depend_downwards_only() {
    let manifests = files(&["toml"]);
    expect_none(
        manifests
            .iter()
            .filter(|it| it.path.ends_with("Cargo.toml"))
            .flat_map(crates::arrows),
    );
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    expect_none(files(&["rs"]).iter().flat_map(crates::unsafe_code));
    expect_none(crates::core_forbids_unsafe(&file("rust/core/src/lib.rs")));
}

#[test]
fn public_headers_are_fit() {
    let all = sources(
        &root().join("cpp/include"),
        &["hpp", "cuh", "h", "inl", "ipp"],
    );
    let all = all.expect("the checkout is readable");
    assert!(!all.is_empty(), "no public header");
    expect_none(all.iter().flat_map(headers::unfit));
    expect_none(headers::compiles_all(&file(
        "tests/consumer/headers/CMakeLists.txt",
    )));
}
