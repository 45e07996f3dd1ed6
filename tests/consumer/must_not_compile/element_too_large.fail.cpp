// An element has at most 4096 bytes.
// expect: an element must be trivially copyable and of 1 to 4096 bytes
#include <gpuio/gpuio.hpp>

#ifndef CONTROL
constexpr int kBytes = 4097;
#else
constexpr int kBytes = 4096;
#endif

struct Element {
    unsigned char bytes[kBytes];
};

GPUIO_KERNEL void kernel(gpuio::ArrayRef<Element> array) { (void)array.size(); }
