/// \file
/// Copying a page into its frame, or out of it, by whoever waits for the frame.
///
/// A page is copied in pieces, and a piece belongs to whoever draws its ticket: the fault that
/// brings the page, and any thread that waits for the same page. Lanes of a warp that wait together
/// draw consecutive tickets, and the pieces are laid out so that they then read side by side. No
/// lane depends on which others run beside it, so the code needs no warp collectives
/// (docs/decisions/0004-no-collectives.md).
///
/// The generation in `FrameFill::tickets` tells one copy from the next. A valid ticket holds its
/// copy open until the piece is counted as done; so `partner` may be read after it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpuio/device/layout.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/platform.hpp"

namespace gpuio::device {

/// In `FrameFill::partner`: the frame's bytes are copied out. (Pages are aligned to more.)
inline constexpr std::uint64_t kOutward = 1;
/// Beside it: the bytes there may be overwritten meanwhile. Whoever started the copy finds that out
/// when it is done, and throws it away.
inline constexpr std::uint64_t kUnsure = 2;

/// Starts a copy between a frame that the caller is filling or writing back, and that has no copy
/// under way, and `partner`, the address of as many bytes; with kOutward to there.
GPUIO_DEVICE inline void open_copy(const Cache& cache, std::uint32_t frame,
                                   std::uint64_t partner) {
    FrameFill& fill = cache.fills[frame];
    const std::uint64_t last = platform::load_relaxed(&fill.tickets) >> 32;
    const std::uint64_t generation = last == 0xffffffff ? 1 : last + 1;  // 0: there was never one
    platform::store_relaxed(&fill.partner, partner);
    platform::store_relaxed(&fill.done, 0);
    platform::store_release(&fill.tickets, generation << 32);
}

/// Copies a piece that others may be writing to. Of a page that is written back: pinned threads,
/// even by plain stores through a guard; it is REDIRTIED then, and is copied once more. Of one from
/// a place that is not sure: an engine, another page's bytes; nobody uses them then.
/// A function of its own, so that ThreadSanitizer can be told of these races and of no other.
GPUIO_DEVICE inline void copy_racing_piece(std::byte* to, const std::byte* from, std::size_t bytes,
                                           std::uint32_t piece) {
    platform::copy_piece(to, from, bytes, piece);
}

/// Copies pieces as long as there are any to draw. Does not wait.
GPUIO_DEVICE inline void help_copy(const Cache& cache, std::uint32_t frame) {
    FrameFill& fill = cache.fills[frame];
    const std::size_t page_bytes = std::size_t{1} << cache.page_shift;
    const std::uint32_t pieces = platform::copy_pieces(page_bytes);
    const std::uint64_t seen = platform::load_acquire(&fill.tickets);
    if (seen >> 32 == 0 || static_cast<std::uint32_t>(seen) >= pieces) return;
    // An optimistic reader that sees the new bytes must also see that the old page has gone.
    platform::fence_release();
    std::uint64_t generation = seen >> 32;
    std::uint64_t partner = 0;
    std::uint32_t copied = 0;
    for (;;) {  // each round draws a ticket, or is the last
        const std::uint64_t drawn = platform::fetch_add_relaxed(&fill.tickets, 1);
        const auto piece = static_cast<std::uint32_t>(drawn);
        if (piece >= pieces) break;
        if (drawn >> 32 != generation) {  // the copy that was seen is over, and this is the next
            generation = drawn >> 32;
            platform::fence_acquire_release();
            partner = 0;
        }
        if (partner == 0) partner = platform::load_relaxed(&fill.partner);
        std::byte* inside = cache.frames + (std::uint64_t{frame} << cache.page_shift);
        auto* outside = reinterpret_cast<std::byte*>(partner & ~(kOutward | kUnsure));
        const bool outward = (partner & kOutward) != 0;
        std::byte* to = outward ? outside : inside;
        const std::byte* from = outward ? inside : outside;
        if ((partner & (kOutward | kUnsure)) != 0) {
            copy_racing_piece(to, from, page_bytes, piece);
        } else {
            platform::copy_piece(to, from, page_bytes, piece);
        }
        ++copied;
    }
    if (copied != 0) platform::fetch_add(&fill.done, copied);
}

/// Whether all pieces are there.
GPUIO_DEVICE inline bool copy_is_done(const Cache& cache, std::uint32_t frame) {
    const std::uint32_t pieces = platform::copy_pieces(std::size_t{1} << cache.page_shift);
    return platform::load_acquire(&cache.fills[frame].done) == pieces;
}

}  // namespace gpuio::device
