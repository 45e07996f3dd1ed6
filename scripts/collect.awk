# Reads a JUnit file of CTest and the log of cargo.unit (variable log_file); prints one line a
# test: "passed", "failed NAME" or "skipped NAME: REASON". See scripts/test.

function attribute(name,   text) {
    if (!match($0, "[[:space:]]" name "=\"[^\"]*\"")) return ""
    text = substr($0, RSTART, RLENGTH)
    sub(/^[^"]*"/, "", text)
    sub(/"$/, "", text)
    return text
}

function print_times(count, line) {
    while (count-- > 0) print line
}

# Prints cargo's own tests; returns how many of them failed. `cause`: the first report of a
# sanitizer, which fails a program without failing a test.
function cargo_tests(   line, words, failures) {
    failures = 0
    while ((getline line < log_file) > 0) {
        if (cause == "" && line ~ /^SUMMARY: /) cause = ": " line
        if (line ~ /^test .* \.\.\. FAILED$/) {
            split(line, words, " ")
            print "failed " suite ": cargo " words[2]
            failures++
        } else if (line ~ /^test result: /) {
            # test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...
            split(line, words, " ")
            print_times(words[4], "passed")
            print_times(words[8], "skipped " suite ": cargo: marked #[ignore]")
        }
    }
    return failures
}

/<testcase / {
    name = attribute("name")
    status = attribute("status")
    if (name == "cargo.unit" && (cargo_tests() > 0 || status == "run")) {
        status = "counted"
    }
    if (status == "run") print "passed"
    if (status == "fail") print "failed " suite ": " name (name == "cargo.unit" ? cause : "")
    if (status == "disabled") print "skipped " suite ": " name ": disabled"
}

# A program that is missing and a fixture that failed are "notrun" as well; only these are skips.
/<skipped / && status == "notrun" {
    skipped = attribute("message") ~ /^SKIP_/
    if (!skipped) print "failed " suite ": " name ": " attribute("message")
}

# The first line of what a skipped test printed says why.
/<system-out>/ && status == "notrun" && skipped {
    sub(/.*<system-out>/, "")
    print "skipped " suite ": " name ": " $0
}
