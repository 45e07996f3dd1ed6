// The small worlds. Small is what makes them telling: with three frames for five pages, nearly
// every access meets an eviction, and a few dozen steps reach states that a large cache sees once
// a year.
#include "run.hpp"

namespace simt {

namespace {

std::vector<Config> make_configs() {
    std::vector<Config> all;
    const auto add = [&all](const char* name) -> Config& {
        all.emplace_back();
        all.back().name = name;
        return all.back();
    };
    using Kind = ElementKind;

    add("small");  // 2 warps, 3 frames, 5 pages

    add("read-only").arrays = {{Kind::kU64, 40, 0, false}};

    Config& wide = add("wide");
    wide.grid = {1, 1, 32};
    wide.accesses = 6;
    wide.arrays = {{Kind::kU32, 80}};

    Config& blocks = add("blocks");
    blocks.grid = {2, 2, 4};
    blocks.page_shift = 7;
    blocks.arrays = {{Kind::kU64, 80}};

    Config& shared = add("two-arrays");
    shared.frames = 4;
    shared.arrays = {{Kind::kU64, 32}, {Kind::kU8, 300, 0, false}};

    Config& mapped = add("mapped");
    mapped.arrays = {{Kind::kU64, 24}, {Kind::kU64, 24, 0, true, true}};

    Config& straddle = add("straddle");
    straddle.grid = {1, 2, 4};
    straddle.accesses = 8;
    straddle.arrays = {{Kind::kTriple64, 12, 20}};

    Config& hundred = add("hundred");
    hundred.grid = {1, 2, 3};
    hundred.accesses = 6;
    hundred.page_shift = 9;
    hundred.arrays = {{Kind::kHundred, 20, 500}};

    Config& mixed = add("mixed");
    mixed.grid = {1, 3, 4};
    mixed.frames = 4;
    mixed.arrays = {{Kind::kTriple32, 20, 8}, {Kind::kU8, 150, 3}};

    Config& failing = add("failing");
    failing.fail_percent = 15;

    Config& failing_pieces = add("failing-pieces");
    failing_pieces.grid = {1, 2, 4};
    failing_pieces.fail_percent = 10;
    failing_pieces.arrays = {{Kind::kTriple32, 20, 6}, {Kind::kU32, 20, 4, false}};

    Config& slots = add("few-slots");
    slots.usable_slots = 0x8000000000000001;  // one for anyone, one not for prefetches

    Config& tiny = add("one-frame");
    tiny.grid = {1, 2, 4};
    tiny.frames = 1;
    tiny.guards = false;
    tiny.arrays = {{Kind::kU64, 24}};

    Config& cursors = add("cursors");  // windows of four pages; the array is larger than L1
    cursors.grid = {1, 2, 3};
    cursors.frames = 6;
    cursors.accesses = 6;
    cursors.ahead_pages = 24;
    cursors.arrays = {{Kind::kU64, 100}, {Kind::kU64, 60, 0, false}};

    Config& hot = add("hot");  // everyone wants the same two or three pages
    hot.grid = {1, 2, 6};
    hot.frames = 2;
    hot.accesses = 16;
    hot.guards = false;
    hot.arrays = {{Kind::kU64, 24}};

    Config& hot_reads = add("hot-reads");
    hot_reads.grid = {2, 1, 6};
    hot_reads.frames = 1;
    hot_reads.page_shift = 5;
    hot_reads.accesses = 16;
    hot_reads.guards = false;
    hot_reads.arrays = {{Kind::kU64, 8, 0, false}};

    Config& stalls = add("stalls");
    stalls.host_stalls = true;
    stalls.io_timeout_us = 60;
    stalls.launches = 3;
    stalls.arrays = {{Kind::kU64, 24}, {Kind::kU64, 16, 0, true, true}};
    return all;
}

}  // namespace

const std::vector<Config>& configs() {
    static const std::vector<Config> all = make_configs();
    return all;
}

}  // namespace simt
