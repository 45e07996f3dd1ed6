/// Symbol visibility. Not for users of the library.
#pragma once

/// Marks what `libgpuio.so` exports: everything else is compiled with hidden visibility.
/// Classes that are thrown need it too, or a `catch` in another library would not match them.
#define GPUIO_EXPORT __attribute__((visibility("default")))
