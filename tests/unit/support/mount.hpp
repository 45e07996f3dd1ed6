/// \file
/// A small file system of a test's own.
#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <string>

#include "scratch.hpp"

namespace test {

/// A tmpfs of so many bytes, mounted in a folder of its own and always unmounted. Needs root.
class SmallDisk {
public:
    explicit SmallDisk(std::size_t bytes) : at_(scratch_.path("disk")) {
        std::filesystem::create_directory(at_);
        const std::string options = "size=" + std::to_string(bytes);
        mounted_ = ::mount("none", at_.c_str(), "tmpfs", 0, options.c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    bool mounted() const { return mounted_; }
    /// The scratch folder's name of a file on this disk.
    std::string name(const std::string& file) const { return "disk/" + file; }
    const Scratch& scratch() const { return scratch_; }

private:
    Scratch scratch_;
    std::string at_;
    bool mounted_ = false;
};

}  // namespace test
