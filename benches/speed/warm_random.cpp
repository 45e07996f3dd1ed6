#include <cstddef>

#include "process.hpp"
#include "rows.hpp"
#include "warm.hpp"

namespace speed {
namespace {

using Word = std::uint64_t;
constexpr std::uint64_t kReads = 4'000'000;

/// The index generator of all sides: xorshift64, the array's length being a power of two. The
/// lookup program has the same one.
class Indices {
public:
    GPUIO_DEVICE explicit Indices(std::size_t size) : mask_(size - 1) {}
    GPUIO_DEVICE std::size_t next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ & mask_;
    }

private:
    std::uint64_t state_ = 0x9e3779b97f4a7c15;
    std::size_t mask_;
};

GPUIO_KERNEL void read_array(gpuio::ArrayRef<const Word> a, Word* sum) {
    Word total = 0;
    Indices indices(a.size());
    for (std::uint64_t k = 0; k < kReads; ++k) total += a[indices.next()];
    *sum = total;
}

/// The same elements, 64 at a time.
GPUIO_KERNEL void gather_array(gpuio::ArrayRef<const Word> a, Word* sum) {
    constexpr std::size_t count = 64;
    static_assert(kReads % count == 0);
    Word total = 0;
    Indices indices(a.size());
    for (std::uint64_t k = 0; k < kReads; k += count) {
        std::size_t at[count];
        Word values[count];
        for (std::size_t& index : at) index = indices.next();
        a.gather(at, values);
        for (const Word value : values) total += value;
    }
    *sum = total;
}

GPUIO_KERNEL void read_pointer(const Word* data, std::size_t size, Word* sum) {
    Word total = 0;
    Indices indices(size);
    for (std::uint64_t k = 0; k < kReads; ++k) total += data[indices.next()];
    *sum = total;
}

/// Millions of reads per second.
template <class Read>
double rate_of(Read read) {
    return static_cast<double>(kReads) / 1e6 / seconds_of(read);
}

/// Asks the lookup program for the sum of the same reads through a cache.
double ask_cache(Companion& companion, const std::string& cache, Word& sum) {
    const std::string answer = companion.ask(cache);
    sum = static_cast<Word>(std::stoull(answer));
    return static_cast<double>(kReads) / 1e6 / number_after(answer, "", "seconds=");
}

void compare_reads(const Options& options, const std::string& policy, std::uint64_t bytes,
                   std::uint64_t page_bytes, const Emit& emit) {
    WarmArray<Word> array(options.data_file, bytes, page_bytes, policy);
    gpuio::Context& context = array.context();
    Companion caches({options.lookup, options.data_file, std::to_string(bytes),
                      std::to_string(page_bytes), std::to_string(kReads)});
    Word sums[5]{};
    const auto launched = [&](auto kernel, auto... args) {
        return Side([&context, kernel, args...] {
            return rate_of([&] {
                gpuio::launch(context, 1, 1, kernel, args...);
                context.synchronize();
            });
        });
    };
    Side ours = launched(read_array, array.ref(), &sums[0]);
    Side pointer = launched(read_pointer, array.raw(), array.size(), &sums[1]);
    Side gathering = launched(gather_array, array.ref(), &sums[4]);
    Side quick([&] { return ask_cache(caches, "quick_cache", sums[2]); });
    Side moka([&] { return ask_cache(caches, "moka", sums[3]); });
    take_turns(options.rounds, std::vector<Side*>{&ours, &gathering, &pointer, &quick, &moka});
    array.check_warm();
    for (const Word sum : sums) {
        if (sum != sums[0]) throw std::runtime_error("random reads: the sums differ");
    }
    const std::string which = policy + ", " + std::to_string(bytes / kMiB) +
                              " MiB, pages of " + std::to_string(page_bytes / 1024) + " KiB";
    const auto row = [&](const char* work, const Side& side, const char* against,
                         const Side& other, double target) {
        emit({work + which, against, "M/s", compare(side.rates(), other.rates()), target});
    };
    const char* one = "warm random a[i], ";
    row(one, ours, "raw random read", pointer, 0.4);
    row(one, ours, "quick_cache lookup", quick, 5);
    row(one, ours, "moka lookup", moka, 5);
    const char* many = "warm random gather of 64, ";
    row(many, gathering, "raw random read", pointer, 0);
    row(many, gathering, "quick_cache lookup", quick, 0);
}

}  // namespace

void warm_random_rows(const Options& options, const Emit& emit) {
    for (const char* policy : {"cached", "pinned"}) {
        for (const std::uint64_t bytes : {8 * kMiB, 256 * kMiB}) {
            for (const std::uint64_t page_bytes : {4 << 10, 64 << 10}) {
                compare_reads(options, policy, bytes, page_bytes, emit);
            }
        }
    }
}

void table_rows(const Emit& emit) {
    constexpr double bytes = sizeof(*gpuio::device::ArrayView::table);
    emit({"page-table entry", "8 bytes", "bytes a page", {bytes, 8, bytes / 8, 1, 1}, 1, true});
}

}  // namespace speed
