/// \file
/// A model of the host's fault service: it takes faults from the ring as the layout documents,
/// answers them late and out of order, and holds the device to its side of the contract.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gpuio/device/layout.hpp"
#include "machine.hpp"
#include "random.hpp"

namespace simt {

/// A planted bug of the host's.
enum class HostBug {
    kNone,
    kStatusFirst,      ///< says that a frame is filled before it is
    kWithdrawsSource,  ///< takes an offer's address back with the offer
    kPublishesEarly,   ///< a page is in the directory before its bytes are in the frame
    kWithdrawsLate,    ///< it is there still when the frame is given away
};

/// How a host behaves.
struct HostManner {
    std::uint32_t latency_ns = 5'000;      ///< at most, before an answer is begun
    std::uint32_t copy_percent = 50;       ///< answered by an address for the device to copy
    std::uint32_t offer_percent = 0;       ///< prefetches answered by an offer
    std::uint32_t withdraw_percent = 5;    ///< offers and directory words withdrawn, at each look
    std::uint32_t publish_percent = 0;     ///< pages below put into the directory, at each look
    std::uint32_t drop_percent = 50;       ///< pages below that nobody uses given up, at each look
    std::uint32_t fail_percent = 0;
    bool sleeps = true;                    ///< waits for the doorbell when there is nothing to do
    HostBug bug = HostBug::kNone;
    std::uint64_t stalls_from_ns = ~std::uint64_t{0};
    std::uint64_t stalls_until_ns = 0;
    std::uint64_t dies_at_ns = ~std::uint64_t{0};
};

/// A failure that the host made up. `os_error` names it.
struct InjectedFailure {
    gpuio::device::FaultOperation operation;
    std::uint32_t array;
    std::uint64_t page;
};
inline constexpr std::uint32_t kInjectedCode = 9;

/// What the host was asked.
struct HostCounts {
    std::uint64_t reads = 0;
    std::uint64_t prefetches = 0;
    std::uint64_t write_backs = 0;
    std::uint64_t copies = 0;      ///< answered by an address for the device to copy
    std::uint64_t offers = 0;      ///< of these, prefetches that could be withdrawn
    std::uint64_t withdrawals = 0;
    std::uint64_t taken = 0;       ///< write-backs that the device copied
    std::uint64_t overwritten = 0; ///< write-backs to the place that the page has below already
    std::uint64_t published = 0;   ///< directory words
    std::uint64_t unpublished = 0;
    std::uint64_t failures = 0;
    std::uint64_t sleeps = 0;
};

/// See the file's comment.
class HostService {
public:
    HostService(Machine& machine, std::uint64_t seed, const HostManner& manner);

    /// The body of the host's task. Ends after `stop`, when nothing is left to answer.
    void run();
    /// The kernel has ended: answer what is under way, then return.
    void stop();

    HostManner manner;
    const HostCounts& counts() const { return counts_; }
    const std::vector<InjectedFailure>& injected() const { return injected_; }

private:
    struct Request {
        gpuio::device::FaultOperation operation;
        std::uint32_t array;
        std::uint64_t page;
        std::uint32_t slot;
        std::uint32_t generation;
        std::uint32_t frame;
        gpuio::device::Outcome outcome;
        std::uint64_t due_ns;
        std::size_t words_done;
        std::vector<std::uint64_t> words;
    };
    /// A page in the cache below the device's. Lent while the device may read it, or write it.
    struct Buffer {
        std::uint32_t array;
        std::uint64_t page;
        bool dirty;
        bool lent;
        bool offered;  ///< lent until it is withdrawn
        bool target;   ///< lent to be written to
        bool published;  ///< the directory names it
        std::uint32_t frame;
        std::uint32_t slot;
        std::uint32_t generation;
    };

    bool entry_waits() const;
    bool take_entry();
    void check(const Request& request);
    void check_still_there(const Request& request, const char* what);
    bool work();
    bool advance(Request& request);
    bool fill_frame(Request& request);
    std::uint64_t* words(const Buffer& buffer) { return machine_.l2_frame(buffer.frame); }
    Buffer* bring(std::uint32_t array, std::uint64_t page);
    void lend_source(const Request& request);
    void lend_target(const Request& request);
    void keep_taken();
    void withdraw_some();
    void publish_some();
    void publish(Buffer& buffer);
    void unpublish(Buffer& buffer);
    bool read_frame(Request& request);
    void keep(std::uint32_t array, std::uint64_t page, const std::vector<std::uint64_t>& words);
    std::uint32_t poisoned_frame();
    void answer(const Request& request, gpuio::device::Outcome outcome, std::uint64_t source);
    bool still_lent(const Buffer& buffer) const;
    void reclaim();
    void write_below(Buffer& buffer);
    void demote(Buffer& buffer);
    void end_run();
    void idle();
    Buffer* find_buffer(std::uint32_t array, std::uint64_t page);
    std::byte* page_below(std::uint32_t array, std::uint64_t page);
    [[noreturn]] void refuse(const Request& request, const std::string& why);

    Machine& machine_;
    Random random_;
    std::uint64_t head_ = 0;
    bool stopping_ = false;
    std::vector<Request> requests_;
    std::vector<std::unique_ptr<Buffer>> buffers_;
    std::vector<std::unique_ptr<Buffer>> targets_;  ///< pages that the device is writing back
    std::vector<std::uint32_t> spare_frames_;  ///< poisoned
    std::uint32_t next_frame_ = 0;             ///< those from here on were never used
    std::uint32_t generation_;
    std::vector<InjectedFailure> injected_;
    HostCounts counts_;
};

}  // namespace simt
