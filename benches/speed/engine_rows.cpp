#include "process.hpp"
#include "rows.hpp"

namespace speed {
namespace {

/// Rate and cost of one run.
struct Run {
    double rate;        ///< I/Os, or MiB, per second
    double cpu_us;      ///< user and system time an I/O
};

struct Load {
    const char* name;       ///< localio_rate's
    const char* rate_key;   ///< localio_rate's
    const char* fio_mode;
    const char* block;
    int depth;
    bool random;
};

constexpr Load kRandom{"random", "iops=", "randread", "4k", 64, true};
constexpr Load kSequential{"sequential", "MiB_per_s=", "read", "1M", 8, false};

Run run_localio(const Options& options, const Load& load) {
    const std::string text = run_program({options.localio_rate, options.data_file,
                                          std::to_string(options.seconds), load.name, "io_uring"});
    return {number_after(text, load.name, load.rate_key),
            number_after(text, load.name, "cpu_us_per_io=")};
}

/// The same load by fio: O_DIRECT, registered buffers and a registered file on both sides; neither
/// keeps a map of the blocks that it has read.
Run run_fio(const Options& options, const Load& load) {
    const std::string text = run_program(
        {"fio", "--name=bench", "--filename=" + options.data_file, "--ioengine=io_uring",
         "--direct=1", "--fixedbufs=1", "--registerfiles=1", "--norandommap", "--randrepeat=0",
         "--time_based", "--runtime=" + std::to_string(options.seconds), "--output-format=json",
         std::string("--rw=") + load.fio_mode, std::string("--bs=") + load.block,
         "--iodepth=" + std::to_string(load.depth)});
    const double ios = number_after(text, "\"read\"", "\"total_ios\"");
    const double runtime_us = number_after(text, "\"read\"", "\"runtime\"") * 1000;
    const double busy = number_after(text, "\"read\"", "\"usr_cpu\"") +
                        number_after(text, "\"read\"", "\"sys_cpu\"");
    const double rate = load.random ? number_after(text, "\"read\"", "\"iops\"")
                                    : number_after(text, "\"read\"", "\"bw_bytes\"") / (1 << 20);
    return {rate, busy / 100 * runtime_us / ios};
}

void compare_load(const Options& options, const Load& load, const std::string& work, double target,
                  double cpu_target, const Emit& emit) {
    std::vector<double> our_cpu;
    std::vector<double> fio_cpu;
    std::vector<double> our_rate;
    std::vector<double> fio_rate;
    const auto side = [&](auto run, std::vector<double>& rates, std::vector<double>& costs) {
        return [&, run](bool counted) {
            const Run result = run(options, load);
            if (!counted) return;
            rates.push_back(result.rate);
            costs.push_back(result.cpu_us);
        };
    };
    take_turns(options.rounds,
               {side(run_localio, our_rate, our_cpu), side(run_fio, fio_rate, fio_cpu)});
    emit({work, "fio, io_uring", load.random ? "IOPS" : "MiB/s", compare(our_rate, fio_rate),
          target});
    emit({work + ", CPU time", "fio, io_uring", "µs an I/O", compare(our_cpu, fio_cpu), cpu_target,
          true});
}

}  // namespace

void engine_rows(const Options& options, const Emit& emit) {
    compare_load(options, kRandom, "LocalIO random 4 KiB, depth 64", 0.95, 1.3, emit);
    compare_load(options, kSequential, "LocalIO sequential 1 MiB, depth 8", 0.97, 0, emit);
}

}  // namespace speed
