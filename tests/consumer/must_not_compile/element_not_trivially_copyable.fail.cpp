// Elements are moved as bytes, so a type with a copy constructor of its own is refused.
// expect: an element must be trivially copyable
#include <gpuio/gpuio.hpp>

struct Element {
    Element() = default;
#ifndef CONTROL
    Element(const Element& other) : value(other.value) {}
#endif
    int value = 0;
};

GPUIO_KERNEL void kernel(gpuio::ArrayRef<Element> array) { (void)array.size(); }
