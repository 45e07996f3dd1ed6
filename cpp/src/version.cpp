#include "gpuio/version.hpp"

// The build passes the version of Cargo.toml, the one place where it is written by hand.
static_assert(GPUIO_VERSION_MAJOR == GPUIO_CARGO_VERSION_MAJOR &&
                  GPUIO_VERSION_MINOR == GPUIO_CARGO_VERSION_MINOR &&
                  GPUIO_VERSION_PATCH == GPUIO_CARGO_VERSION_PATCH,
              "gpuio/version.hpp and Cargo.toml name different versions");

#define GPUIO_TEXT_OF(number) #number
#define GPUIO_TEXT(number) GPUIO_TEXT_OF(number)

namespace gpuio {

std::string_view version() noexcept {
    return GPUIO_TEXT(GPUIO_VERSION_MAJOR) "." GPUIO_TEXT(GPUIO_VERSION_MINOR) "." GPUIO_TEXT(
        GPUIO_VERSION_PATCH);
}

}  // namespace gpuio
