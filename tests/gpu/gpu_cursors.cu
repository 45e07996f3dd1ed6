// Cursors (pin guards), runs and device prefetch, read-only and writable, a page a thread and a
// page a warp, with as many pins at a time as the frames allow.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kSalt = 4711;

/// Every thread walks its own stretch of the array.
GPUIO_KERNEL void scan_by_thread(gpuio::ArrayRef<const std::uint64_t> a, Mismatches* wrong) {
    const std::uint64_t each = (a.size() + gpuio::thread_count() - 1) / gpuio::thread_count();
    const std::uint64_t first = gpuio::thread_index() * each;
    const std::uint64_t last = first + each < a.size() ? first + each : a.size();
    if (first >= last) return;
    auto p = a.pin(first);
    for (std::uint64_t i = first; i < last; ++i) wrong->expect(i, p[i], mix(i ^ kSalt));
}

/// Every warp walks its own stretch; its lanes pin the same page.
GPUIO_KERNEL void scan_by_warp(gpuio::ArrayRef<const std::uint64_t> a, Mismatches* wrong) {
    const std::uint64_t warps = gpuio::thread_count() / 32;
    const std::uint64_t each = (a.size() + warps - 1) / warps;
    const std::uint64_t first = gpuio::thread_index() / 32 * each;
    const std::uint64_t last = first + each < a.size() ? first + each : a.size();
    if (first >= last) return;
    auto p = a.pin(first);
    for (std::uint64_t i = first + gpuio::thread_index() % 32; i < last; i += 32) {
        wrong->expect(i, p[i], mix(i ^ kSalt));
    }
}

/// `run` gives the rest of a page as plain memory.
GPUIO_KERNEL void scan_runs(gpuio::ArrayRef<const std::uint64_t> a, Mismatches* wrong) {
    const std::uint64_t each = (a.size() + gpuio::thread_count() - 1) / gpuio::thread_count();
    std::uint64_t i = gpuio::thread_index() * each;
    const std::uint64_t last = i + each < a.size() ? i + each : a.size();
    if (i >= last) return;
    auto p = a.pin(i);
    while (i < last) {
        const auto run = p.run(i);
        if (run.count == 0) {
            wrong->expect(i, 0, 1);
            return;
        }
        for (std::uint64_t k = 0; k < run.count && i < last; ++k, ++i) {
            wrong->expect(i, run[k], mix(i ^ kSalt));
        }
    }
}

/// A writable cursor: every element is read, then written.
GPUIO_KERNEL void invert(gpuio::ArrayRef<std::uint64_t> a, bool by_run, Mismatches* wrong) {
    const std::uint64_t each = (a.size() + gpuio::thread_count() - 1) / gpuio::thread_count();
    std::uint64_t i = gpuio::thread_index() * each;
    const std::uint64_t last = i + each < a.size() ? i + each : a.size();
    if (i >= last) return;
    auto p = a.pin(i);
    while (i < last) {
        if (!by_run) {
            const std::uint64_t seen = p[i];
            wrong->expect(i, seen, mix(i ^ kSalt));
            p[i] = ~seen;
            ++i;
            continue;
        }
        const auto run = p.run(i);
        if (run.count == 0) return;
        for (std::uint64_t k = 0; k < run.count && i < last; ++k, ++i) {
            wrong->expect(i, run[k], mix(i ^ kSalt));
            run[k] = ~run[k];
        }
    }
}

/// A guard is released and taken again; hops between two pages.
GPUIO_KERNEL void hop(gpuio::ArrayRef<const std::uint64_t> a, unsigned hops, Mismatches* wrong) {
    std::uint64_t at = mix(gpuio::thread_index()) % a.size();
    auto p = a.pin(at);
    for (unsigned k = 0; k < hops; ++k) {
        wrong->expect(at, p[at], mix(at ^ kSalt));
        if (k % 3 == 0) p.release();
        at = mix(at) % a.size();
    }
}

/// Prefetches well ahead of what it reads.
GPUIO_KERNEL void prefetch_ahead(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t ahead,
                                 Mismatches* wrong) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a.prefetch(i + ahead);
        wrong->expect(i, a[i], mix(i ^ kSalt));
    }
}

/// Prefetches and never comes for it: the frames must come back all the same.
GPUIO_KERNEL void prefetch_only(gpuio::ArrayRef<const std::uint64_t> a, std::uint64_t seed) {
    a.prefetch(mix(seed + gpuio::thread_index()) % a.size());
}

using ReadKernel = void (*)(gpuio::ArrayRef<const std::uint64_t>, Mismatches*);

void read_by(ReadKernel kernel, std::uint64_t page_bytes, std::uint64_t blocks,
             std::uint64_t threads) {
    const std::uint64_t n = scaled(4 << 20, 1 << 17);
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(page_bytes, 512, 512));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    gpuio::launch(context, blocks, threads, kernel, a.ref(), wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

void invert_by(bool by_run) {
    const std::uint64_t n = scaled(1 << 20, 1 << 16);
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(4096, 512, 256));
    gpuio::GPUIOArray<std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    gpuio::launch(context, 13, 32, invert, a.ref(), by_run, wrong.device());
    context.synchronize();
    a.flush();
    CHECK_NO_MISMATCH(wrong);
    const auto words = file.read<std::uint64_t>(0, n);
    for (std::uint64_t i = 0; i < n; ++i) CHECK_EQ(words[i], ~mix(i ^ kSalt));
}

void hop_about() {
    const std::uint64_t n = 1 << 20;
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(4096, 1100, 4096));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    gpuio::launch(context, 8, 128, hop, a.ref(), unsigned(scaled(200, 20)), wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

void prefetch_then_read(std::uint64_t page_bytes) {
    const std::uint64_t n = scaled(2 << 20, 32 * page_bytes / 8);  // it reads 16 pages ahead
    TempFile file(n * 8, kSalt);
    gpuio::Context context(config_of(page_bytes, 256, 512));
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    Report wrong;
    gpuio::launch(context, 64, 256, prefetch_ahead, a.ref(), 16 * page_bytes / 8, wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    CHECK(a.stats().l1_prefetches > 0);
    for (unsigned round = 0; round < 4; ++round) {
        gpuio::launch(context, 64, 256, prefetch_only, a.ref(), std::uint64_t{round} << 20);
    }
    gpuio::launch(context, 64, 256, prefetch_ahead, a.ref(), std::uint64_t{0}, wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
}

/// The host's hint, and its read, work beside.
void host_prefetch() {
    const std::uint64_t n = 1 << 18;
    TempFile file(n * 8, kSalt);
    gpuio::Config config = config_of(4096, 128, 1024);
    config.prefetch = true;
    gpuio::Context context(config);
    gpuio::GPUIOArray<const std::uint64_t> a(context, file.uri(), n);
    a.prefetch(0, n);
    Report wrong;
    gpuio::launch(context, 4, 32, scan_by_thread, a.ref(), wrong.device());
    std::vector<std::uint64_t> read_back(n);
    a.read(0, read_back);
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    for (std::uint64_t i = 0; i < n; ++i) CHECK_EQ(read_back[i], mix(i ^ kSalt));
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"cursor a thread", [] { read_by(scan_by_thread, 4096, 7, 64); }},
                   {"cursor a warp", [] { read_by(scan_by_warp, 4096, 48, 256); }},
                   {"cursor a warp, 64 KiB", [] { read_by(scan_by_warp, 64 << 10, 48, 256); }},
                   {"runs", [] { read_by(scan_runs, 4096, 14, 32); }},
                   {"runs, 512 B", [] { read_by(scan_runs, 512, 14, 32); }},
                   {"runs, 256 KiB", [] { read_by(scan_runs, 256 << 10, 14, 32); }},
                   {"writable cursor", [] { invert_by(false); }},
                   {"writable run", [] { invert_by(true); }},
                   {"cursors that hop", hop_about},
                   {"device prefetch, 4 KiB", [] { prefetch_then_read(4096); }},
                   {"device prefetch, 256 KiB", [] { prefetch_then_read(256 << 10); }},
                   {"host prefetch", host_prefetch},
               });
}
