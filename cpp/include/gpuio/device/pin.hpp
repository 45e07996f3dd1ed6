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
#include "gpuio/device/slow_call.hpp"

namespace gpuio {

template <class T>
class ArrayRef;

namespace device {

/// Elements in place, one after the other in plain memory.
struct HeldPage {
    std::uintptr_t zero = 0;        ///< where element 0 would lie, were all of them in one piece
    std::size_t first = 0;
    std::size_t end = 0;            ///< behind the last
    std::uint64_t* word = nullptr;  ///< the page's table word, if it is pinned

    /// Two compares, which a CPU fuses with their branches, are less than a subtraction and one.
    GPUIO_DEVICE bool has(std::size_t index) const {
        return !GPUIO_RARELY(index < first) && !GPUIO_RARELY(index >= end);
    }
    GPUIO_DEVICE std::byte* at(std::size_t index, std::size_t element_bytes) const {
        return reinterpret_cast<std::byte*>(zero + index * element_bytes);
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

    /// Whether a small element is moved by the same few instructions wherever it lies: CPUs do so,
    /// GPUs want words aligned.
#if defined(__CUDACC__)
    static constexpr bool kMovesAnywhere = false;
#else
    static constexpr bool kMovesAnywhere = sizeof(Value) <= 16;
#endif

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
        held_ = device::slow_call<&PinGuard::hold>(array, index);
    }
    GPUIO_DEVICE GPUIO_INLINE ~PinGuard() { release(); }
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
    GPUIO_DEVICE GPUIO_INLINE Run run(std::size_t index) {
        if (GPUIO_RARELY(!holds(index))) {
            if (!move_to(index)) return {nullptr, 0};
        }
        if (held_.zero % alignof(Value) != 0) return {nullptr, 0};
        if constexpr (!std::is_const_v<T>) dirty_ = true;
        return {reinterpret_cast<T*>(held_.at(index, sizeof(Value))),
                held_.end - index};
    }

    /// Whether the page of the element is held.
    GPUIO_DEVICE bool holds(std::size_t index) const { return held_.has(index); }

    /// Lets go of the page. Later accesses pin again.
    GPUIO_DEVICE GPUIO_INLINE void release() {
        if (held_.word != nullptr) device::slow_call<&PinGuard::let_go>(held_.word, dirty_);
        held_ = {};
        dirty_ = false;
    }

private:
    // So that a guard stays in registers, nothing takes its address, not even on an exception's way
    // out: what it calls takes and gives values and throws nothing, and what has its address is
    // inlined. GPUIO_RARELY does the same for the sums of the loop around.

    GPUIO_DEVICE GPUIO_INLINE Value load(std::size_t index) {
        if (GPUIO_RARELY(!holds(index))) {
            // Straddles two pages, or cannot be had.
            if (!move_to(index)) return device::slow_call<&PinGuard::load_alone>(array_, index);
        }
        return plain_load(held_.at(index, sizeof(Value)));
    }

    GPUIO_DEVICE GPUIO_INLINE void store(std::size_t index, const Value& value) {
        if (GPUIO_RARELY(!holds(index))) {
            if (!move_to(index)) {
                return device::slow_call<&PinGuard::store_alone, ArrayRef<T>, std::size_t, Passed>(
                    array_, index, value);
            }
        }
        dirty_ = true;
        plain_store(held_.at(index, sizeof(Value)), value);
    }

    GPUIO_DEVICE static Value plain_load(const std::byte* from) {
        device::ElementBuffer<Value> buffer;
        if constexpr (kMovesAnywhere) {
            __builtin_memcpy(buffer.bytes, from, sizeof(Value));
            return buffer.value;
        }
        if (reinterpret_cast<std::uintptr_t>(from) % alignof(Value) == 0) [[likely]] {
            return *reinterpret_cast<const Value*>(from);
        }
        GPUIO_UNROLL_WORDS
        for (std::size_t k = 0; k < sizeof(Value); ++k) buffer.bytes[k] = from[k];
        return buffer.value;
    }
    GPUIO_DEVICE static void plain_store(std::byte* to, const Value& value) {
        if constexpr (kMovesAnywhere) {
            __builtin_memcpy(to, &value, sizeof(Value));
            return;
        }
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
    GPUIO_DEVICE GPUIO_INLINE bool move_to(std::size_t index) {
        const bool follows = held_.word != nullptr && index == held_.end;
        const device::HeldPage next = device::slow_call<&PinGuard::move>(
            array_, held_.word, dirty_, index, follows);
        held_.zero = next.zero;
        held_.first = next.first;
        held_.end = next.end;
        held_.word = next.word;
        dirty_ = false;
        return held_.end != 0;
    }

    using Passed = typename ArrayRef<T>::Passed;

    GPUIO_DEVICE GPUIO_NOINLINE static device::HeldPage move(ArrayRef<T> array, std::uint64_t* from,
                                                             bool dirty, std::size_t index,
                                                             bool follows) noexcept {
        if (from != nullptr) let_go(from, dirty);
        if (follows) array.prefetch_after(index);
        return hold(array, index);
    }

    GPUIO_DEVICE GPUIO_NOINLINE static void let_go(std::uint64_t* word, bool dirty) noexcept {
        if (dirty) {
            device::release_pin_dirty(word);
        } else {
            device::release_pin(word);
        }
    }

    GPUIO_DEVICE GPUIO_NOINLINE static Value load_alone(ArrayRef<T> array,
                                                        std::size_t index) noexcept {
        return array.load(index);
    }
    GPUIO_DEVICE GPUIO_NOINLINE static void store_alone(ArrayRef<T> array, std::size_t index,
                                                        Passed value) noexcept {
        array.store(index, value);
    }

    /// Pins the page of `index`. Holds nothing when the element lies on no single page, is out of
    /// range, or cannot be had.
    GPUIO_DEVICE GPUIO_NOINLINE static device::HeldPage hold(ArrayRef<T> array,
                                                             std::size_t index) noexcept;

    ArrayRef<T> array_;
    device::HeldPage held_;
    bool dirty_ = false;
};

}  // namespace gpuio
