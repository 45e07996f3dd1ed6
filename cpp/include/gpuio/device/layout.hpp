/// \file
/// The structures that device code and the host service share, byte for byte.
///
/// Two kinds of memory: **device memory** (page tables, frame owners, slot bitmap: only kernels
/// touch it while any runs) and **shared memory** (pinned, host and device address it: the fault
/// ring, completions, the sticky error). Rust's mirror is `rust/memory/src/layout.rs`; a test
/// compares sizes and offsets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpuio::device {

/// What a fault asks the host service to do.
enum class FaultOperation : std::uint32_t {
    kRead = 1,       ///< bring the page; someone waits
    kPrefetch = 2,   ///< bring the page; nobody waits yet
    kWriteBack = 3,  ///< take the frame's bytes into the cache below
};

/// A request on the fault ring: 16 bytes, two words that each carry the lap's parity, so that the
/// host knows both have arrived whatever order the bus delivers them in.
///
///     word 0:  parity (63) | operation (62..60) | array (59..48) | page (47..0)
///     word 1:  parity (63) | slot (62..48)      | generation (47..32) | frame (31..0)
struct alignas(16) FaultEntry {
    std::uint64_t words[2];
};
static_assert(sizeof(FaultEntry) == 16);

/// Bounds that follow from the bit fields above.
inline constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 48;
inline constexpr std::uint32_t kMaxArrays = 1u << 12;
inline constexpr std::uint32_t kMaxSlots = 1u << 15;

/// How the host answered a fault.
enum class Outcome : std::uint32_t {
    kNone = 0,     ///< not yet
    kCopy = 1,       ///< copy the page from `source` into the frame (a write-back: from the frame
                     ///< to `source`), then acknowledge
    kDone = 2,       ///< the frame holds the page already (or the write-back is done)
    kFailed = 3,     ///< `source` holds the error code and errno
    kOffer = 4,      ///< of a prefetch: as kCopy, but the bytes are the page's only if the answer
                     ///< is still the same when they have been copied
    kWithdrawn = 5,  ///< of an offer: no longer; whoever needs the page has to ask for it. `source`
                     ///< stays, and readable: who saw the offer may only now read it
};

/// The host's answer to the fault in one slot, in shared memory. The host writes `source` first and
/// `status` last; the device writes `acknowledged` when it has stopped using `source`.
///
///     status:  generation (31..16) | outcome (15..0), zero-extended
///     source:  device address of the page's bytes, or errno (63..32) | -code (31..0)
struct alignas(32) Completion {
    std::uint64_t status;
    std::uint64_t source;
    std::uint64_t acknowledged;  ///< the generation that is no longer in use
    std::uint64_t reserved;
};
static_assert(sizeof(Completion) == 32);

/// The first failure since the host last asked, in device memory (the host reads it when no kernel
/// runs). Whoever sets `state` from 0 to 1 fills the rest and then sets it to 2.
struct StickyError {
    std::uint64_t state;
    std::uint64_t code;        ///< the specification's code, negated
    std::uint64_t os_error;
    std::uint64_t array;       ///< the array's id; `kMaxArrays` when no array is concerned
    std::uint64_t page;
    std::uint64_t byte_offset; ///< in the array, of the first byte of the access
    std::uint64_t count;       ///< failures since the host last asked, this one included
    std::uint64_t stalled;     ///< see below
};
static_assert(sizeof(StickyError) == 64);

/// `StickyError::stalled`. Unless it is `kNotStalled`, waits that begin fail at once; if the
/// service is gone, those under way end, too. It only grows until the host resets it.
inline constexpr std::uint64_t kNotStalled = 0;
inline constexpr std::uint64_t kTimedOut = 1;
inline constexpr std::uint64_t kServiceGone = 2;

/// Counters of one shard. Threads add to the shard of their block, so that no counter is hot.
struct alignas(64) StatisticsShard {
    std::uint64_t misses;        ///< pages brought from below: asked for, direct hits, mapped ones
    std::uint64_t joined;        ///< accesses that waited for another thread's fault
    std::uint64_t evictions;
    std::uint64_t write_backs;
    std::uint64_t prefetches;
    std::uint64_t filled_bytes;  ///< bytes copied into frames
    std::uint64_t hits;          ///< page accesses that found the page, where they are counted
    std::uint64_t direct_hits;   ///< of the misses, pages that were copied without asking the host
};
static_assert(sizeof(StatisticsShard) == 64);
inline constexpr std::uint32_t kStatisticsShards = 64;

/// What the host service and waiting kernels tell each other, in shared memory.
struct alignas(64) SharedControl {
    std::uint64_t service_sleeping;  ///< the host service wants a wake-up with the next fault
    std::uint64_t service_alive;     ///< 0 once the service has stopped; waits then fail at once
    std::uint64_t doorbell_fd;       ///< host device only: eventfd that wakes the service
    std::uint64_t reserved[5];
};
static_assert(sizeof(SharedControl) == 64);

/// How a BUSY frame is being filled, or a FLUSHING one copied out. In device memory, one a frame;
/// see page_copy.hpp for the copy.
struct alignas(32) FrameFill {
    std::uint64_t slot;     ///< the fault's slot, packed; and a mark of the CLOCK hand
    std::uint64_t partner;  ///< device address of the copy's other end; kOutward: bytes go there
    std::uint64_t tickets;  ///< generation of the copy (63..32) | pieces given out (31..0)
    std::uint64_t done;     ///< pieces copied
};
static_assert(sizeof(FrameFill) == 32);

/// Everything a kernel needs to know about one array. In device memory, indexed by array id.
struct ArrayDescriptor {
    std::uint64_t* table;        ///< page-table words, one a page
    std::byte* mapped;           ///< where the bytes are addressable by the device, else null
    std::uint64_t page_count;
    std::uint64_t length_bytes;  ///< bytes that are the array's, counted from byte 0 of page 0
    /// Shared memory, one word a page: see directory.hpp. Null: every miss goes to the host.
    const std::uint64_t* directory;
};
static_assert(sizeof(ArrayDescriptor) == 40);

/// A context as kernels see it. In device memory; never changes while kernels run.
struct Cache {
    std::byte* frames;              ///< frame f is at frames + (f << page_shift)
    std::uint64_t* frame_owners;    ///< one word a frame: see frames.hpp
    FrameFill* fills;               ///< one a frame
    std::uint64_t* clock_hand;
    std::uint64_t* queue_tail;      ///< the queue of faults that need a frame: see frame_queue.hpp
    std::uint64_t* queue_served;
    std::uint64_t* slot_bitmap;     ///< one bit a slot, set = in use
    std::uint64_t* slot_generation; ///< one word a slot
    std::uint64_t* ring_tail;
    FaultEntry* ring;               ///< shared memory; as many entries as slots
    Completion* completions;        ///< shared memory; one a slot
    SharedControl* control;         ///< shared memory
    StickyError* error;
    StatisticsShard* statistics;    ///< kStatisticsShards of them
    ArrayDescriptor* arrays;        ///< kMaxArrays of them
    const std::byte* l2_frames;     ///< shared memory; as `frames`, of the cache below
    std::uint64_t* l2_marks;        ///< shared memory; one a frame of the cache below
    std::uint64_t io_timeout_us;
    std::uint32_t frame_count;
    std::uint32_t slot_count;       ///< a power of two, at least 64
    std::uint32_t page_shift;
    std::uint32_t ahead_pages;      ///< pages that all cursors may have brought ahead; 0: none
    std::uint32_t queue_limit;      ///< faults that may seek and fill frames at a time
    std::uint32_t reserved;
};
static_assert(sizeof(Cache) == 17 * 8 + 8 + 24);

}  // namespace gpuio::device
