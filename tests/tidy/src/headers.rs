//! Rules for the public C++ headers.

use crate::tree::Source;
use crate::Violation;

/// The extensions that the test which compiles each header alone looks for.
const COMPILED_ALONE: [&str; 2] = ["hpp", "h"];

/// A public header that no test would compile alone, or that lacks its guard or its first comment.
pub fn unfit(header: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut report = |message: String| found.push(Violation::new(&header.path, 0, message));
    if !header.has_extension(&COMPILED_ALONE) {
        report(format!(
            "only {COMPILED_ALONE:?} are compiled alone by tests/consumer/headers"
        ));
    }
    if !header.text.lines().any(|line| line == "#pragma once") {
        report("no #pragma once".into());
    }
    if !header.text.starts_with("//") && !header.text.starts_with("/*") {
        report("the first line must say what the header is for".into());
    }
    found
}

/// The header test must look for every extension above, in every folder.
pub fn compiles_all(header_test: &Source) -> Vec<Violation> {
    COMPILED_ALONE
        .iter()
        .filter(|extension| {
            let pattern = format!("${{include_dir}}/gpuio/*.{extension}\"");
            !(header_test.text.contains("GLOB_RECURSE") && header_test.text.contains(&pattern))
        })
        .map(|extension| {
            let message = format!("no longer compiles each *.{extension} alone");
            Violation::new(&header_test.path, 0, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_header_is_found() {
        let good = "/// What it is for.\n#pragma once\n";
        assert_eq!(unfit(&Source::new("a.hpp", good)), []);
        assert_eq!(unfit(&Source::new("a.inl", good)).len(), 1);
        assert_eq!(
            unfit(&Source::new("a.hpp", "/// What it is for.\n")).len(),
            1
        );
        assert_eq!(unfit(&Source::new("a.hpp", "#pragma once\n")).len(), 1);
    }

    #[test]
    fn a_header_test_that_skips_an_extension_is_found() {
        let test = |text| compiles_all(&Source::new("CMakeLists.txt", text)).len();
        let both = "GLOB_RECURSE \"${include_dir}/gpuio/*.hpp\" \"${include_dir}/gpuio/*.h\"";
        assert_eq!(test(both), 0);
        assert_eq!(test("GLOB_RECURSE \"${include_dir}/gpuio/*.hpp\""), 1);
        assert_eq!(test(&both.replace("_RECURSE", "")), 2);
    }
}
