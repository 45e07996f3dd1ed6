// What all the programs share on their command line: sizes with units, exit codes, error output.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

namespace examples {

/// Exit codes of every program here.
enum ExitCode : int { kOk = 0, kFailed = 1, kUsage = 2 };

/// Adds an option that takes a size with a unit: `64MiB`, `4k`, `1048576` (powers of 1,024).
CLI::Option* add_size_option(CLI::App& app, const std::string& name, std::uint64_t& bytes,
                             const std::string& help);

/// Parses the command line, then runs `body` and returns its exit code. `--help` returns kOk; a
/// command line that does not parse, or for which `body` throws CLI::Error, returns kUsage; any
/// other exception is printed on stderr and returns kFailed.
int run_program(CLI::App& app, int argc, char** argv, const std::function<int()>& body);

}  // namespace examples
