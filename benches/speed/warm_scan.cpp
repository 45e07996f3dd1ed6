#include "rows.hpp"
#include "warm.hpp"

namespace speed {
namespace {

constexpr std::uint64_t kPageBytes = 64 << 10;

template <class T>
GPUIO_KERNEL void scan_elements(gpuio::ArrayRef<const T> a, T* sum) {
    T total{};
    auto p = a.pin(0);
    for (std::size_t i = 0; i < a.size(); ++i) total += p[i];
    *sum = total;
}

template <class T>
GPUIO_KERNEL void scan_runs(gpuio::ArrayRef<const T> a, T* sum) {
    T total{};
    auto p = a.pin(0);
    for (std::size_t i = 0; i < a.size();) {
        const auto run = p.run(i);
        if (run.count == 0) break;
        for (std::size_t k = 0; k < run.count; ++k) total += run[k];
        i += run.count;
    }
    *sum = total;
}

template <class T>
GPUIO_KERNEL void scan_pointer(const T* data, std::size_t size, T* sum) {
    T total{};
    for (std::size_t i = 0; i < size; ++i) total += data[i];
    *sum = total;
}

/// GiB per second of scans until enough time has passed for the clock and the launch not to count.
template <class Scan>
double rate_of(std::uint64_t bytes, Scan scan) {
    const std::uint64_t repeats = std::max<std::uint64_t>(1, 512 * kMiB / bytes);
    const double seconds = seconds_of([&] {
        for (std::uint64_t k = 0; k < repeats; ++k) scan();
    });
    return static_cast<double>(bytes * repeats) / seconds / static_cast<double>(1024 * kMiB);
}

template <class T>
void compare_scans(const Options& options, std::uint64_t bytes, const std::string& type,
                   const Emit& emit) {
    WarmArray<T> array(options.data_file, bytes, kPageBytes);
    gpuio::Context& context = array.context();
    T sums[3]{};
    const auto by = [&](auto kernel, T& sum) {
        return [&, kernel] {
            return rate_of(bytes, [&] {
                gpuio::launch(context, 1, 1, kernel, array.ref(), &sum);
                context.synchronize();
            });
        };
    };
    Side elements(by(scan_elements<T>, sums[0]));
    Side runs(by(scan_runs<T>, sums[1]));
    Side pointer([&] {
        return rate_of(bytes, [&] {
            gpuio::launch(context, 1, 1, scan_pointer<T>, array.raw(), array.size(), &sums[2]);
            context.synchronize();
        });
    });
    take_turns(options.rounds, std::vector<Side*>{&elements, &runs, &pointer});
    array.check_warm();
    if (sums[0] != sums[2] || sums[1] != sums[2]) throw std::runtime_error("the sums differ");
    const std::string size = std::to_string(bytes / kMiB) + " MiB of " + type;
    emit({"warm scan, " + size + ", p[i]", "the same loop over a pointer", "GiB/s",
          compare(elements.rates(), pointer.rates()), 0.8});
    emit({"warm scan, " + size + ", p.run(i)", "the same loop over a pointer", "GiB/s",
          compare(runs.rates(), pointer.rates()), 0.8});
}

}  // namespace

void warm_scan_rows(const Options& options, const Emit& emit) {
    for (const std::uint64_t bytes : {8 * kMiB, 256 * kMiB}) {
        compare_scans<std::uint64_t>(options, bytes, "uint64", emit);
        compare_scans<float>(options, bytes, "float", emit);
    }
}

}  // namespace speed
