// Host memory (memio) cached and bypassing the caches, and files that are pinned in GPU memory as a
// whole: read, written, read back.
#include "support.cuh"

using namespace gpu_test;

namespace {

GPUIO_KERNEL void fill(gpuio::ArrayRef<std::uint32_t> a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        a[i] = static_cast<std::uint32_t>(mix(i));
    }
}

GPUIO_KERNEL void check_at_random(gpuio::ArrayRef<const std::uint32_t> a, std::uint64_t add,
                                  Mismatches* wrong) {
    for (std::uint64_t k = gpuio::thread_index(); k < a.size(); k += gpuio::thread_count()) {
        const std::uint64_t i = mix(k) % a.size();
        wrong->expect(i, a[i], static_cast<std::uint32_t>(mix(i) + add));
    }
}

GPUIO_KERNEL void add_one(gpuio::ArrayRef<std::uint32_t> a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        auto p = a.pin(i);
        p[i] += 1u;
    }
}

void expect_values(gpuio::GPUIOArray<std::uint32_t>& a, std::uint64_t add) {
    std::vector<std::uint32_t> values(a.size());
    a.read(0, values);
    for (std::uint64_t i = 0; i < a.size(); ++i) {
        CHECK_EQ(values[i], static_cast<std::uint32_t>(mix(i) + add));
    }
}

void use_array(gpuio::Context& context, gpuio::GPUIOArray<std::uint32_t>& a) {
    Report wrong;
    gpuio::launch(context, 264, 256, fill, a.ref());
    gpuio::launch(context, 264, 256, check_at_random, gpuio::ArrayRef<const std::uint32_t>(a.ref()),
                  std::uint64_t{0}, wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    expect_values(a, 0);
    gpuio::launch(context, 8, 32, add_one, a.ref());
    gpuio::launch(context, 264, 256, check_at_random, gpuio::ArrayRef<const std::uint32_t>(a.ref()),
                  std::uint64_t{1}, wrong.device());
    context.synchronize();
    CHECK_NO_MISMATCH(wrong);
    expect_values(a, 1);
}

void memory(const char* uri, std::uint64_t page_bytes) {
    gpuio::Context context(config_of(page_bytes, 512, 16));
    gpuio::GPUIOArray<std::uint32_t> a(context, uri, scaled(4 << 20, 1 << 16) + 13);
    use_array(context, a);
}

void pinned_file(std::uint64_t offset) {
    const std::uint64_t n = scaled(1 << 20, 1 << 16) + 13;
    TempFile file(offset + n * 4 + 50);
    gpuio::Context context(config_of(4096, 64, 64));
    gpuio::GPUIOArray<std::uint32_t> a(
        context, file.uri("policy=pinned&offset=" + std::to_string(offset)), n);
    use_array(context, a);
    a.flush();
    const auto values = file.read<std::uint32_t>(offset, n);
    for (std::uint64_t i = 0; i < n; ++i) {
        CHECK_EQ(values[i], static_cast<std::uint32_t>(mix(i) + 1));
    }
}

void unusable_policies() {
    gpuio::Context context(config_of(4096, 64, 64));
    TempFile file(1 << 16);
    const auto open = [&](const std::string& uri) {
        return code_of([&] { gpuio::GPUIOArray<std::uint32_t>(context, uri, 1 << 10); });
    };
    CHECK(open(file.uri("policy=bypass")) == gpuio::ErrorCode::kUnsupported);
    CHECK(open("memio://cpu/dram?policy=pinned") == gpuio::ErrorCode::kUnsupported);
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv,
               {
                   {"memio cached, 4 KiB", [] { memory("memio://cpu/dram", 4096); }},
                   {"memio cached, 256 KiB", [] { memory("memio://cpu/dram", 256 << 10); }},
                   {"memio bypass", [] { memory("memio://cpu/dram?policy=bypass", 4096); }},
                   {"localio pinned", [] { pinned_file(0); }},
                   {"localio pinned, odd offset", [] { pinned_file(1028); }},
                   {"policies that make no sense", unusable_policies},
               });
}
