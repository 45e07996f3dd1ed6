// Nor can it be written by name; the message says which kind of array it is.
// expect: this array is read-only \(ArrayRef<const T>\)
#include <gpuio/gpuio.hpp>

GPUIO_KERNEL void kernel(gpuio::ArrayRef<const float> array) {
    [[maybe_unused]] const float value = array.load(0);
#ifndef CONTROL
    array.store(0, 1.0f);
#endif
}
