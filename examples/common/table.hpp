// The block of named figures that each program ends with.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace examples {

/// Rows of a name and a value; printed with the values aligned.
class Table {
public:
    void row(std::string name, std::string value) {
        rows_.emplace_back(std::move(name), std::move(value));
    }
    /// The table as text, one line a row.
    std::string text() const;
    /// Writes the table to stdout.
    void print() const { std::fputs(text().c_str(), stdout); }

private:
    std::vector<std::pair<std::string, std::string>> rows_;
};

}  // namespace examples
