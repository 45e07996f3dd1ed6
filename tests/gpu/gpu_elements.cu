// Elements of 1 to 256 bytes (nvcc takes minutes over larger ones), at even and odd offsets in the
// file, straddling pages: what a kernel reads and writes is compared with the file, byte by byte.
#include "support.cuh"

using namespace gpu_test;

namespace {

constexpr std::uint64_t kSalt = 99;

/// Words where the size allows: compilers take long over large structures of single bytes.
template <std::size_t size>
struct Bytes {
    using Unit = std::conditional_t<size % 8 == 0, std::uint64_t, unsigned char>;
    Unit units[size / sizeof(Unit)];

    __device__ unsigned char* bytes() { return reinterpret_cast<unsigned char*>(units); }
};

/// Byte `k` of a test file.
__host__ __device__ unsigned char file_byte(std::uint64_t k) {
    return static_cast<unsigned char>(mix((k / 8) ^ kSalt) >> (k % 8 * 8));
}

template <std::size_t size>
GPUIO_KERNEL void check_elements(gpuio::ArrayRef<const Bytes<size>> a, std::uint64_t offset,
                                 Mismatches* wrong) {
    for (std::uint64_t n = gpuio::thread_index(); n < a.size(); n += gpuio::thread_count()) {
        const std::uint64_t i = n * 7919 % a.size();
        Bytes<size> element = a[i];
#pragma unroll 1
        for (std::size_t k = 0; k < size; ++k) {
            wrong->expect(i * size + k, element.bytes()[k], file_byte(offset + i * size + k));
        }
    }
}

template <std::size_t size>
GPUIO_KERNEL void invert_elements(gpuio::ArrayRef<Bytes<size>> a) {
    for (std::uint64_t i = gpuio::thread_index(); i < a.size(); i += gpuio::thread_count()) {
        Bytes<size> element = a[i];
#pragma unroll 1
        for (std::size_t k = 0; k < size; ++k) {
            element.bytes()[k] = static_cast<unsigned char>(~element.bytes()[k]);
        }
        a[i] = element;
    }
}

/// The array's bytes are inverted, those around it are not.
void expect_inverted(const TempFile& file, std::uint64_t offset, std::uint64_t end) {
    const auto after = file.read<unsigned char>(0, end + 100);
    for (std::uint64_t k = 0; k < after.size(); ++k) {
        const bool inside = k >= offset && k < end;
        const auto expected = static_cast<unsigned char>(inside ? ~file_byte(k) : file_byte(k));
        CHECK_EQ(unsigned{after[k]}, unsigned{expected});
    }
}

/// Elements that straddle pages have no place of their own: neighbours share bytes' words, so one
/// element is written by one thread, but pages are shared by many.
template <std::size_t size>
void check_size(std::uint64_t page_bytes, std::uint64_t offset) {
    const std::uint64_t count = scaled(1 << 20, 1 << 15) / size + 3;
    const std::uint64_t bytes = offset + count * size;
    TempFile file((bytes + 7) / 8 * 8 + 100, kSalt);
    gpuio::Context context(config_of(page_bytes, 128, 64));
    const std::string query = "offset=" + std::to_string(offset);
    {
        gpuio::GPUIOArray<const Bytes<size>> a(context, file.uri(query), count);
        Report wrong;
        gpuio::launch(context, 33, 96, check_elements<size>, a.ref(), offset, wrong.device());
        context.synchronize();
        CHECK_NO_MISMATCH(wrong);
    }
    {
        gpuio::GPUIOArray<Bytes<size>> a(context, file.uri(query), count);
        gpuio::launch(context, 33, 96, invert_elements<size>, a.ref());
        context.synchronize();
        a.flush();
        expect_inverted(file, offset, bytes);
    }
}

template <std::size_t size>
Case case_of() {
    static const std::string name = std::to_string(size) + " bytes";
    return {name.c_str(), [] {
                check_size<size>(512, 0);
                check_size<size>(4096, 0);
                check_size<size>(4096, 1);
                check_size<size>(4096, 516);
                check_size<size>(64 << 10, 4097);
            }};
}

template <std::size_t... sizes>
std::vector<Case> cases() {
    return {case_of<sizes>()...};
}

}  // namespace

int main(int argc, char** argv) {
    return run(argc, argv, cases<1, 2, 3, 4, 8, 12, 16, 24, 33, 256>());
}
