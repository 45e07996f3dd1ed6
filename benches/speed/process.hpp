// Other programs that take part: fio, localio_rate, and the programs of benches/lookup and workers.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace speed {

/// Runs a program to its end and returns what it wrote to standard output.
/// \throws std::runtime_error if it cannot be started or fails.
std::string run_program(const std::vector<std::string>& arguments);

/// The number that follows `key` in `text`, searched from `after` on (an earlier text; may be "").
/// \throws std::runtime_error if there is none.
double number_after(const std::string& text, const std::string& after, const std::string& key);

/// A program that answers each line with a line, and ends when its input does.
class Companion {
public:
    explicit Companion(const std::vector<std::string>& arguments);
    ~Companion();
    Companion(const Companion&) = delete;
    Companion& operator=(const Companion&) = delete;

    /// The answer to a line. \throws std::runtime_error if the program has died.
    std::string ask(const std::string& line);

private:
    pid_t process_ = -1;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
};

}  // namespace speed
