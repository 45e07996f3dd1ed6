// The device code under test: the only file that is compiled anew for every planted bug.
#include <cstring>
#include <type_traits>
#include <vector>

#include "gpuio/device/array_ref.hpp"
#include "program.hpp"

namespace simt {

namespace {

struct Triple32 { std::uint32_t parts[3]; };
struct Triple64 { std::uint64_t parts[3]; };
struct Hundred { std::uint32_t parts[25]; };

/// `T` is const for a read-only array.
template <class T>
class TypedPort final : public Port {
    using Value = std::remove_const_t<T>;
    static constexpr bool kWritable = !std::is_const_v<T>;

public:
    TypedPort(Machine& machine, SimArray& array)
        : machine_(machine), oracle_(*array.oracle), array_(machine.view(array)) {}

    void read(std::size_t index) override {
        checked(index, [&] { return Value(array_[index]); });
    }

    void write(std::size_t index) override {
        if constexpr (kWritable) {
            writing(index, [&](const Value& value) { array_[index] = value; });
        }
    }

    void rewrite(std::size_t index) override {
        if constexpr (kWritable) {
            const std::uint64_t errors = machine_.error.count;
            const Value value = checked(index, [&] { return Value(array_[index]); });
            if (errors == machine_.error.count) array_[index] = value;
        }
    }

    void walk(std::size_t index, unsigned thread, Random& random) override {
        auto guard = array_.pin(index);
        const unsigned steps = 1 + random.below(6);
        for (unsigned step = 0; step < steps; ++step) {
            Scheduler::current().point();
            const std::size_t at = (index + random.below(4)) % array_.size();
            const bool own = at % Scheduler::current().grid().threads() == thread;
            if constexpr (kWritable) {
                if (own && random.percent(50)) {
                    writing(at, [&](const Value& value) { guard[at] = value; });
                    continue;
                }
            }
            checked(at, [&] { return Value(guard[at]); });
        }
        if (random.percent(30)) guard.release();
    }

    void scan(std::size_t index) override {
        auto cursor = array_.pin(index);
        for (std::size_t i = index; i < array_.size(); ++i) {
            Scheduler::current().point();
            checked(i, [&] { return Value(cursor[i]); });
        }
    }

    void run(std::size_t index) override {
        auto guard = array_.pin(index);
        // The page stays where it is while the guard lives; look at it again and again.
        for (int look = 0; look < 3; ++look) {
            Scheduler::current().point();
            const std::uint64_t errors = machine_.error.count;
            auto elements = guard.run(index);
            for (std::size_t k = 0; k < elements.count; ++k) {
                check(oracle_.begin_read(index + k, errors), elements[k]);
            }
        }
    }

    void prefetch(std::size_t index) override { array_.prefetch(index); }

    void read_out_of_range() override {
        const std::uint64_t errors = machine_.error.count;
        const Value value = array_[array_.size()];
        const Value nothing{};
        if (machine_.error.count == errors || std::memcmp(&value, &nothing, sizeof value) != 0) {
            Scheduler::current().fail("error", "an index out of range gave no error, or a value");
        }
    }

    void gather(std::size_t index, Random& random) override {
        constexpr std::size_t count = 3;
        std::size_t at[count] = {index};
        const auto size = static_cast<std::uint32_t>(array_.size());
        for (std::size_t k = 1; k < count; ++k) at[k] = random.below(size);
        Scheduler::current().task().looked_optimistically = false;
        std::vector<Oracle::Reading> readings;
        for (const std::size_t i : at) {
            readings.push_back(oracle_.begin_read(i, machine_.error.count));
        }
        Value values[count];
        array_.gather(at, values);
        Scheduler::current().task().looked_optimistically = false;
        for (std::size_t k = 0; k < count; ++k) check(readings[k], values[k]);
    }

private:
    void check(const Oracle::Reading& reading, const Value& value) const {
        const std::string wrong = oracle_.end_read(
            reading, reinterpret_cast<const std::byte*>(&value), machine_.error.count);
        if (!wrong.empty()) Scheduler::current().fail("value", wrong);
    }

    template <class Read>
    Value checked(std::size_t index, Read read) const {
        Scheduler::current().task().element = index;
        Scheduler::current().task().looked_optimistically = false;
        const Oracle::Reading reading = oracle_.begin_read(index, machine_.error.count);
        const Value value = read();
        Scheduler::current().task().looked_optimistically = false;
        check(reading, value);
        return value;
    }

    /// Writes the element's next value. It is certain to be there unless some access failed.
    template <class Write>
    void writing(std::size_t index, Write write) const {
        Scheduler::current().task().element = index;
        Scheduler::current().task().looked_optimistically = false;
        const std::uint64_t errors = machine_.error.count;
        const std::uint32_t sequence = oracle_.begin_write(index);
        Value value;
        oracle_.fill(index, sequence, reinterpret_cast<std::byte*>(&value));
        write(value);
        oracle_.end_write(index, sequence, errors == machine_.error.count);
    }

    Machine& machine_;
    Oracle& oracle_;
    gpuio::ArrayRef<T> array_;
};

template <class T>
std::unique_ptr<Port> make_typed(Machine& machine, SimArray& array) {
    if (array.shape.writable) return std::make_unique<TypedPort<T>>(machine, array);
    return std::make_unique<TypedPort<const T>>(machine, array);
}

}  // namespace

std::unique_ptr<Port> make_port(Machine& machine, std::uint32_t id) {
    SimArray& array = machine.arrays[id];
    switch (array.shape.element) {
        case ElementKind::kU8: return make_typed<std::uint8_t>(machine, array);
        case ElementKind::kU32: return make_typed<std::uint32_t>(machine, array);
        case ElementKind::kU64: return make_typed<std::uint64_t>(machine, array);
        case ElementKind::kTriple32: return make_typed<Triple32>(machine, array);
        case ElementKind::kTriple64: return make_typed<Triple64>(machine, array);
        case ElementKind::kHundred: return make_typed<Hundred>(machine, array);
    }
    return nullptr;
}

}  // namespace simt
