/// \file
/// The pin guard: holds one page of an array in place, so that the elements on it are plain memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gpuio/device/array_view.hpp"
#include "gpuio/device/element.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/pager.hpp"

namespace gpuio {

template <class T>
class ArrayRef;

namespace device {

/// Elements in place, one after the other in plain memory.
struct HeldPage {
    std::byte* base = nullptr;      ///< the address of element `first`
    std::size_t first = 0;
    std::size_t count = 0;
    std::uint64_t* word = nullptr;  ///< the page's table word, if it is pinned

    GPUIO_DEVICE bool has(std::size_t index) const { return index - first < count; }
    GPUIO_DEVICE std::byte* at(std::size_t index, std::size_t element_bytes) const {
        return base + (index - first) * element_bytes;
    }
};

}  // namespace device

/// A cursor over an array: `p[k]` is the array's element k. While k stays on the page that the
/// guard holds, that is a bounds check and a plain load; when k leaves it, the guard moves to k's
/// page (and may wait for it, as any access may).
///
///     auto p = a.pin(first);
///     for (size_t i = first; i < last; ++i) sum += p[i];
///
/// `run(k)` gives the elements from k to the end of its page as plain memory, for inner loops.
///
/// Lifetime: the page is released by the destructor or by `release()`. A guard lives in one thread
/// and does not outlive the kernel. Each live guard keeps a frame from being replaced: a cache must
/// have a frame for every page that is pinned at the same time, else accesses end with
/// GPUIO_ERROR_TIMEOUT.
///
/// Errors: an element that cannot be had reads as `T{}` and is not written; the failure is kept for
/// `Context::synchronize`.
template <class T>
class PinGuard {
    using Value = std::remove_const_t<T>;

    /// What `p[k]` of a writable array yields: reads plainly; writing marks the page dirty.
    class Element {
    public:
        GPUIO_DEVICE Element(PinGuard& guard, std::size_t index) : guard_(guard), index_(index) {}
        GPUIO_DEVICE operator Value() const { return guard_.load(index_); }
        GPUIO_DEVICE Element& operator=(const Value& value) {
            guard_.store(index_, value);
            return *this;
        }
        GPUIO_DEVICE Element& operator=(const Element& other) {
            return *this = static_cast<Value>(other);
        }
        GPUIO_DEVICE Element& operator+=(const Value& value) {
            return *this = static_cast<Value>(guard_.load(index_) + value);
        }

    private:
        PinGuard& guard_;
        std::size_t index_;
    };

    using Subscript = std::conditional_t<std::is_const_v<T>, Value, Element>;

public:
    /// Elements in plain memory, valid until the guard moves or ends.
    struct Run {
        T* data;
        std::size_t count;
        GPUIO_DEVICE T* begin() const { return data; }
        GPUIO_DEVICE T* end() const { return data + count; }
        GPUIO_DEVICE T& operator[](std::size_t k) const { return data[k]; }
    };

    GPUIO_DEVICE PinGuard(const ArrayRef<T>& array, std::size_t index) : array_(array) {
        move_to(index);
    }
    GPUIO_DEVICE ~PinGuard() { release(); }
    PinGuard(const PinGuard&) = delete;  // a pin is counted once
    PinGuard& operator=(const PinGuard&) = delete;

    /// The array's element `index`.
    GPUIO_DEVICE Subscript operator[](std::size_t index) {
        if constexpr (std::is_const_v<T>) {
            return load(index);
        } else {
            return Element(*this, index);
        }
    }

    /// The elements from `index` to the end of its page; none (count 0) if it cannot be had. For a
    /// writable array the page counts as written. Not for arrays whose elements are unaligned.
    GPUIO_DEVICE Run run(std::size_t index) {
        if (!holds(index) && !move_to(index)) return {nullptr, 0};
        if constexpr (!std::is_const_v<T>) dirty_ = true;
        if (reinterpret_cast<std::uintptr_t>(held_.base) % alignof(Value) != 0) return {nullptr, 0};
        return {reinterpret_cast<T*>(held_.at(index, sizeof(Value))),
                held_.count - (index - held_.first)};
    }

    /// Whether the page of the element is held.
    GPUIO_DEVICE bool holds(std::size_t index) const { return held_.has(index); }

    /// Lets go of the page. Later accesses pin again.
    GPUIO_DEVICE void release() {
        if (held_.word != nullptr) {
            if (dirty_) {
                device::release_pin_dirty(held_.word);
            } else {
                device::release_pin(held_.word);
            }
        }
        held_ = {};
        dirty_ = false;
    }

private:
    // Leaving the page is marked as unlikely, so that the compiler saves what a loop keeps in
    // registers around the call there, and not around every element.

    GPUIO_DEVICE Value load(std::size_t index) {
        if (!holds(index)) [[unlikely]] {
            // Straddles two pages, or cannot be had.
            if (!move_to(index)) return array_.load(index);
        }
        return plain_load(held_.at(index, sizeof(Value)));
    }

    GPUIO_DEVICE void store(std::size_t index, const Value& value) {
        if (!holds(index)) [[unlikely]] {
            if (!move_to(index)) return array_.store(index, value);
        }
        dirty_ = true;
        plain_store(held_.at(index, sizeof(Value)), value);
    }

    GPUIO_DEVICE static Value plain_load(const std::byte* from) {
        if (reinterpret_cast<std::uintptr_t>(from) % alignof(Value) == 0) [[likely]] {
            return *reinterpret_cast<const Value*>(from);
        }
        device::ElementBuffer<Value> buffer;
        GPUIO_UNROLL_WORDS
        for (std::size_t k = 0; k < sizeof(Value); ++k) buffer.bytes[k] = from[k];
        return buffer.value;
    }
    GPUIO_DEVICE static void plain_store(std::byte* to, const Value& value) {
        if (reinterpret_cast<std::uintptr_t>(to) % alignof(Value) == 0) [[likely]] {
            *reinterpret_cast<Value*>(to) = value;
            return;
        }
        device::ElementBuffer<Value> buffer;
        buffer.value = value;
        GPUIO_UNROLL_WORDS
        for (std::size_t k = 0; k < sizeof(Value); ++k) to[k] = buffer.bytes[k];
    }

    /// Holds the page of `index` instead. False when that cannot be; then nothing is held.
    GPUIO_DEVICE bool move_to(std::size_t index) {
        const bool follows = held_.word != nullptr && index == held_.first + held_.count;
        release();
        if (follows) array_.prefetch_after(index);
        held_ = hold(array_, index);
        return held_.count != 0;
    }

    /// Pins the page of `index`. Holds nothing when the element lies on no single page, is out of
    /// range, or cannot be had. Takes and gives values, so that a guard can live in registers.
    GPUIO_DEVICE GPUIO_NOINLINE static device::HeldPage hold(ArrayRef<T> array, std::size_t index);

    ArrayRef<T> array_;
    device::HeldPage held_;
    bool dirty_ = false;
};

}  // namespace gpuio
