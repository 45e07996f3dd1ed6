// The table: one line a comparison, with its target and verdict.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace speed {

/// One line.
struct Row {
    std::string work;     ///< what gpuio does
    std::string against;  ///< what it is compared with
    std::string unit;     ///< of both figures
    Comparison figures;
    double target = 0;           ///< 0: reported only, no verdict
    bool at_most = false;        ///< the target is an upper bound

    /// Whether the target is reached; true for a row without one.
    bool reached() const {
        if (target == 0) return true;
        return at_most ? figures.ratio <= target : figures.ratio >= target;
    }
};

/// Prints a row as a line of a Markdown table.
void print_row(const Row& row);

/// Prints the table's head.
void print_head();

}  // namespace speed
