#include "table.hpp"

#include <cstdio>

namespace speed {
namespace {

std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value >= 1000 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    return text;
}

std::string target_of(const Row& row) {
    if (row.target == 0) return "–";
    return (row.at_most ? "≤ " : "≥ ") + figure(row.target);
}

const char* verdict_of(const Row& row) {
    if (row.target == 0) return "–";
    return row.reached() ? "reached" : "MISSED";
}

}  // namespace

void print_head() {
    std::puts(
        "| work | against | gpuio | other | unit | ratio (lowest–highest) | target | verdict |");
    std::puts("| --- | --- | ---: | ---: | --- | ---: | ---: | --- |");
}

void print_row(const Row& row) {
    const Comparison& figures = row.figures;
    std::printf("| %s | %s | %s | %s | %s | %s (%s–%s) | %s | %s |\n", row.work.c_str(),
                row.against.c_str(), figure(figures.ours).c_str(), figure(figures.theirs).c_str(),
                row.unit.c_str(), figure(figures.ratio).c_str(), figure(figures.lowest).c_str(),
                figure(figures.highest).c_str(), target_of(row).c_str(), verdict_of(row));
    std::fflush(stdout);
}

}  // namespace speed
