// A kernel's view of a read-only array cannot be assigned to.
// expect: lvalue required as left operand of assignment|expression is not assignable
#include <gpuio/gpuio.hpp>

GPUIO_KERNEL void kernel(gpuio::ArrayRef<const float> array) {
    [[maybe_unused]] const float value = array[0];
#ifndef CONTROL
    array[0] = 1.0f;
#endif
}
