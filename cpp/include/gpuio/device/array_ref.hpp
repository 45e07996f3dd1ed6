/// \file
/// `ArrayRef<T>`: the array inside a kernel. `a[i]` reads, `a[i] = v` writes, wherever the element
/// happens to be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gpuio/device/array_view.hpp"
#include "gpuio/device/element.hpp"
#include "gpuio/device/errors.hpp"
#include "gpuio/device/macros.hpp"
#include "gpuio/device/optimistic.hpp"
#include "gpuio/device/pager.hpp"
#include "gpuio/device/pin.hpp"
#include "gpuio/device/platform.hpp"
#include "gpuio/device/slow_call.hpp"

namespace gpuio {

/// A kernel's handle of a `GPUIOArray<T>`. Trivially copyable; pass it by value.
/// `ArrayRef<const T>` can only read: writing through it does not compile.
///
/// Every access may wait for its page, at most `io_timeout_us`. One that fails, or whose index is
/// out of range, reads as `T{}` (or writes nothing) and leaves an error for `Context::synchronize`.
///
/// Concurrency: as with plain memory, two threads that touch the same element, one of them writing,
/// need their own ordering. Elements of 1, 2, 4 or 8 bytes that lie aligned are never torn. Arrays
/// with `policy=pinned` or `bypass` are plain memory: the compiler may keep what it has read.
///
/// \tparam T trivially copyable, 1 to 4096 bytes. It may straddle pages.
template <class T>
class ArrayRef {
    using Value = std::remove_const_t<T>;
    static_assert(device::kIsElement<Value>,
                  "gpuio: an element must be trivially copyable and of 1 to 4096 bytes");

    /// What `a[i]` of a writable array yields.
    class Element {
    public:
        GPUIO_DEVICE Element(const ArrayRef& array, std::size_t index)
            : array_(array), index_(index) {}
        GPUIO_DEVICE operator Value() const { return array_.load(index_); }
        GPUIO_DEVICE const Element& operator=(const Value& value) const {
            array_.store(index_, value);
            return *this;
        }
        GPUIO_DEVICE const Element& operator=(const Element& other) const {
            return *this = static_cast<Value>(other);
        }
        /// Load, then store: not atomic.
        GPUIO_DEVICE const Element& operator+=(const Value& value) const {
            return *this = static_cast<Value>(array_.load(index_) + value);
        }
        GPUIO_DEVICE const Element& operator-=(const Value& value) const {
            return *this = static_cast<Value>(array_.load(index_) - value);
        }
        GPUIO_DEVICE const Element& operator*=(const Value& value) const {
            return *this = static_cast<Value>(array_.load(index_) * value);
        }

    private:
        const ArrayRef& array_;
        std::size_t index_;
    };

    using Subscript = std::conditional_t<std::is_const_v<T>, Value, Element>;

public:
    using value_type = Value;

    /// Made by `GPUIOArray::ref()`.
    GPUIO_HOST_DEVICE explicit ArrayRef(const device::ArrayView& view) : view_(view) {}

    /// A writable array can be read by whoever only reads.
    template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
    GPUIO_HOST_DEVICE ArrayRef(const ArrayRef<U>& other) : view_(other.view()) {}

    /// Elements.
    GPUIO_HOST_DEVICE std::size_t size() const { return view_.element_count; }

    /// The element: a value where T is const, else something that reads and can be assigned.
    GPUIO_DEVICE Subscript operator[](std::size_t index) const {
        if constexpr (std::is_const_v<T>) {
            return load(index);
        } else {
            return Element(*this, index);
        }
    }

    /// Holds the element's page; see `PinGuard`.
    GPUIO_DEVICE PinGuard<T> pin(std::size_t index) const { return PinGuard<T>(*this, index); }

    /// Hints that the element is wanted soon. Does not wait.
    GPUIO_DEVICE void prefetch(std::size_t index) const {
        if (index >= view_.element_count || view_.direct != nullptr) return;
        const std::uint64_t byte = byte_of(index);
        device::prefetch_page(*view_.cache, view_.table, {view_.array, byte >> view_.page_shift});
    }

    /// Reads an element.
    GPUIO_DEVICE Value load(std::size_t index) const {
        // Before the branch, where GCC reads the view once for a whole loop; behind it, every time.
        const Pages pages = this->pages();
        const Direct direct = this->direct();
        if (GPUIO_EVENLY(index < direct.count)) {
            return device::load_plainly<Value>(direct.bytes + index * sizeof(Value));
        }
        if (!GPUIO_RARELY(index >= view_.quick_count)) {
            const std::uint64_t byte = byte_of(index);
            Value value;
            if (GPUIO_RARELY(!pages.load_if_resident(byte, &value))) {
                return device::slow_call<&ArrayRef::load_by_fault>(*this, byte);
            }
            return value;
        }
        return device::slow_call<&ArrayRef::load_otherwise>(*this, index);
    }

    /// Reads several elements, wherever they lie: `to[k]` is element `index[k]`. The same as
    /// reading them one by one, but those that are near the device are on their way together:
    ///
    ///     std::size_t at[4] = {i, i + n, i + 2 * n, i + 3 * n};
    ///     float values[4];
    ///     a.gather(at, values);
    ///
    /// Worth it on a GPU for 4 to 8 small elements that threads side by side read side by side:
    /// their values and indices are in registers. On the host device from 32 on, of arrays that are
    /// larger than the processor's caches (docs/performance.md).
    template <std::size_t count>
    GPUIO_DEVICE void gather(const std::size_t (&index)[count], Value (&to)[count]) const;

    /// Writes an element.
    GPUIO_DEVICE void store(std::size_t index, const Value& value) const {
        static_assert(!std::is_const_v<T>, "gpuio: this array is read-only (ArrayRef<const T>)");
        if (!GPUIO_RARELY(index >= view_.quick_count)) {
            const std::uint64_t byte = byte_of(index);
            if (GPUIO_RARELY(!store_if_resident(byte, value))) {
                device::slow_call<&ArrayRef::store_by_fault, ArrayRef, std::uint64_t, Passed>(
                    *this, byte, value);
            }
            return;
        }
        if (index < view_.direct_count) {
            return device::store_plainly(view_.direct + index * sizeof(Value), value);
        }
        device::slow_call<&ArrayRef::store_otherwise, ArrayRef, std::size_t, Passed>(*this, index,
                                                                                     value);
    }

    /// What the host filled in.
    GPUIO_HOST_DEVICE const device::ArrayView& view() const { return view_; }

private:
    friend class PinGuard<T>;

    template <std::size_t count>
    GPUIO_DEVICE void gather_in_steps(const std::size_t (&index)[count], Value (&to)[count]) const;
    GPUIO_DEVICE static std::uint64_t look_again_in_steps(const std::uint64_t* word,
                                                          const Value& loaded);
    template <std::size_t count>
    GPUIO_DEVICE void prefetch_lines(const std::size_t (&index)[count]) const;

    GPUIO_DEVICE std::uint64_t byte_of(std::size_t index) const {
        return view_.origin + index * sizeof(Value);
    }
    GPUIO_DEVICE std::uint64_t offset_in_page(std::uint64_t byte) const {
        return byte & ((std::uint64_t{1} << view_.page_shift) - 1);
    }
    GPUIO_DEVICE device::PageKey key_of(std::uint64_t byte) const {
        return {view_.array, byte >> view_.page_shift};
    }

    /// A cursor has come to the element from the page before.
    GPUIO_DEVICE void prefetch_after(std::size_t index) const {
        if (index >= view_.element_count) return;
        device::prefetch_ahead(*view_.cache, view_.table, key_of(byte_of(index)));
    }

    GPUIO_DEVICE void count_hit() const {
        platform::count(&device::statistics(*view_.cache).hits, 1);
    }

    /// The part of the view that the hit path needs.
    struct Pages {
        const std::uint64_t* table;
        const std::byte* frames;
        unsigned shift;

        GPUIO_DEVICE const std::uint64_t* word_of(std::uint64_t byte) const {
            return table + (byte >> shift);
        }
        /// Where the byte lies if its page is in that frame: by way of the distance between frame
        /// and page, without a mask.
        GPUIO_DEVICE const std::byte* place_of(std::uint64_t byte, device::PageEntry entry) const {
            return frames + (byte + ((entry.frame() - (byte >> shift)) << shift));
        }

        /// The hit path. No pin: the page's entry is read before and after the element, and if the
        /// page stayed in its frame all the while, so did the element.
        GPUIO_DEVICE bool load_if_resident(std::uint64_t byte, Value* value) const {
            const std::uint64_t* word = word_of(byte);
            const device::PageEntry before{device::look(word)};
            if (GPUIO_RARELY(!before.accessed())) return false;
            *value = device::load_optimistically<Value>(place_of(byte, before));
            const device::PageEntry after{device::look_again(word, *value)};
            if (GPUIO_RARELY(before.word() != after.word())) {
                return device::slow_call<&Pages::kept_residency>(before, after);
            }
            return true;
        }

        /// Pins, say, have changed. Out of line, for a mask takes a register.
        GPUIO_DEVICE GPUIO_NOINLINE static bool kept_residency(device::PageEntry before,
                                                               device::PageEntry after) noexcept {
            return before.same_residency(after);
        }
    };

    /// The part that an array in plain memory needs.
    struct Direct {
        const std::byte* bytes;
        std::size_t count;
    };

    GPUIO_DEVICE Direct direct() const { return {view_.direct, view_.direct_count}; }
    GPUIO_DEVICE Pages pages() const { return {view_.table, view_.frames, view_.page_shift}; }

    /// The hit path of a write: pinned, because a store cannot be taken back.
    GPUIO_DEVICE bool store_if_resident(std::uint64_t byte, const Value& value) const {
        std::uint64_t* word = view_.table + (byte >> view_.page_shift);
        std::uint32_t frame;
        if (!device::try_pin(word, &frame)) return false;
        std::byte* page = view_.frames + (std::uint64_t{frame} << view_.page_shift);
        device::store_element(page + offset_in_page(byte), value);
        device::release_pin_dirty(word);
        return true;
    }

    /// Whether an element of an irregular array can be treated as one of a regular one.
    GPUIO_DEVICE bool is_whole_and_aligned(std::uint64_t byte) const {
        return view_.direct == nullptr && byte % device::kWordBytes<Value> == 0 &&
               offset_in_page(byte) + sizeof(Value) <= std::uint64_t{1} << view_.page_shift;
    }

    // The slow paths are functions of their own, and take the array by value: taking its address
    // would move it, and what the hit path keeps in registers, to the thread's stack. So would a
    // small element's; a large one is on the stack anyway. They throw nothing, so no way out of
    // them needs the address of a guard.
    using Passed = std::conditional_t<sizeof(Value) <= 16, Value, const Value&>;

    /// An index that is out of range, an irregular array, or one whose hits are counted.
    GPUIO_DEVICE GPUIO_NOINLINE static Value load_otherwise(ArrayRef array,
                                                            std::size_t index) noexcept {
        if (index >= array.size()) return out_of_range(array, index);
        const std::uint64_t byte = array.byte_of(index);
        if (!array.is_whole_and_aligned(byte)) return array.load_in_pieces(byte);
        Value value;
        if (!array.pages().load_if_resident(byte, &value)) return load_by_fault(array, byte);
        if (array.view_.counts_hits) array.count_hit();
        return value;
    }

    GPUIO_DEVICE GPUIO_NOINLINE static void store_otherwise(ArrayRef array, std::size_t index,
                                                            Passed value) noexcept {
        if (index >= array.size()) {
            out_of_range(array, index);
            return;
        }
        const std::uint64_t byte = array.byte_of(index);
        if (!array.is_whole_and_aligned(byte)) return array.store_in_pieces(byte, value);
        if (!array.store_if_resident(byte, value)) return store_by_fault(array, byte, value);
        if (array.view_.counts_hits) array.count_hit();
    }

    GPUIO_DEVICE GPUIO_NOINLINE static Value load_by_fault(ArrayRef array,
                                                           std::uint64_t byte) noexcept {
        device::ElementBuffer<Value> buffer;
        const device::ArrayView& view = array.view_;
        const std::uint64_t offset = array.offset_in_page(byte);
        const bool ok = device::with_page<device::Hold::kReleaseClean>(
            *view.cache, view.table, array.key_of(byte), byte - view.origin,
            [&](std::byte* page) { buffer.value = device::load_element<Value>(page + offset); });
        if (!ok) buffer.value = device::empty_element<Value>();
        return buffer.value;
    }

    GPUIO_DEVICE GPUIO_NOINLINE static void store_by_fault(ArrayRef array, std::uint64_t byte,
                                                           Passed value) noexcept {
        const device::ArrayView& view = array.view_;
        const std::uint64_t offset = array.offset_in_page(byte);
        device::with_page<device::Hold::kReleaseDirty>(
            *view.cache, view.table, array.key_of(byte), byte - view.origin,
            [&](std::byte* page) { device::store_element(page + offset, value); });
    }

    /// Calls `piece(bytes in the page, offset in the element, count)` for every page under the
    /// element, or for the direct memory. An element of 4096 bytes lies on at most 9 pages of 512.
    template <device::Hold hold, class Piece>
    GPUIO_DEVICE bool for_each_piece(std::uint64_t byte, Piece piece) const {
        if (view_.direct != nullptr) {
            piece(view_.direct + (byte - view_.origin), 0, sizeof(Value));
            return true;
        }
        const std::uint64_t page_bytes = std::uint64_t{1} << view_.page_shift;
        for (std::size_t done = 0; done < sizeof(Value);) {
            const std::uint64_t at = byte + done;
            const std::uint64_t offset = offset_in_page(at);
            const std::uint64_t room = page_bytes - offset;
            const std::size_t rest = sizeof(Value) - done;
            const std::size_t count = rest < room ? rest : static_cast<std::size_t>(room);
            const bool ok = device::with_page<hold>(
                *view_.cache, view_.table, key_of(at), at - view_.origin,
                [&](std::byte* page) { piece(page + offset, done, count); });
            if (!ok) return false;
            done += count;
        }
        return true;
    }

    GPUIO_DEVICE Value load_in_pieces(std::uint64_t byte) const {
        device::ElementBuffer<Value> buffer;
        const bool ok = for_each_piece<device::Hold::kReleaseClean>(
            byte, [&](std::byte* from, std::size_t done, std::size_t count) {
                device::load_bytes(buffer.bytes + done, from, count);
            });
        if (!ok) buffer.value = device::empty_element<Value>();
        return buffer.value;
    }

    GPUIO_DEVICE void store_in_pieces(std::uint64_t byte, const Value& value) const {
        device::ElementBuffer<Value> buffer;
        buffer.value = value;
        for_each_piece<device::Hold::kReleaseDirty>(
            byte, [&](std::byte* to, std::size_t done, std::size_t count) {
                device::store_bytes(to, buffer.bytes + done, count);
            });
    }

    GPUIO_DEVICE GPUIO_NOINLINE static Value out_of_range(ArrayRef array,
                                                          std::size_t index) noexcept {
        device::record_error(array.view_.cache->error,
                             static_cast<std::uint32_t>(device::DeviceError::kInvalidArgument), 0,
                             {array.view_.array, 0, index * sizeof(Value)});
        return device::empty_element<Value>();
    }

    device::ArrayView view_;
};

template <class T>
GPUIO_DEVICE GPUIO_NOINLINE device::HeldPage PinGuard<T>::hold(ArrayRef<T> array,
                                                               std::size_t index) noexcept {
    const device::ArrayView& view = array.view();
    if (index >= view.element_count) return {};  // array.load() reports it
    if (view.direct != nullptr) {
        return {reinterpret_cast<std::uintptr_t>(view.direct), 0, view.element_count, nullptr};
    }
    const std::uint64_t byte = array.byte_of(index);
    const std::uint64_t offset = array.offset_in_page(byte);
    const std::uint64_t page_bytes = std::uint64_t{1} << view.page_shift;
    if (offset + sizeof(Value) > page_bytes) return {};

    std::uint64_t* word = view.table + (byte >> view.page_shift);
    std::byte* page = nullptr;
    std::uint32_t frame;
    if (device::try_pin(word, &frame)) {
        page = view.frames + (std::uint64_t{frame} << view.page_shift);
        if (view.counts_hits) array.count_hit();
    } else {
        const bool ok = device::with_page<device::Hold::kKeep>(
            *view.cache, view.table, array.key_of(byte), byte - view.origin,
            [&](std::byte* bytes) { page = bytes; });
        if (!ok) return {};
    }
    const std::uint64_t before = offset / sizeof(Value);  // whole elements before it on this page
    const std::uint64_t on_page = before + (page_bytes - offset) / sizeof(Value);
    const std::uint64_t first = index < before ? 0 : index - before;
    const std::uint64_t left = view.element_count - first;
    const std::uint64_t held = on_page - (before - (index - first));
    const std::uintptr_t zero =
        reinterpret_cast<std::uintptr_t>(page + offset) - index * sizeof(Value);
    return {zero, first, first + (left < held ? left : held), word};
}

}  // namespace gpuio

#include "gpuio/device/gather.hpp"  // the rest of the class
