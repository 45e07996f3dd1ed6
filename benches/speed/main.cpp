// gpuio_speed: measures what the project promises about speed, each promise beside what it is
// promised against, and prints the table. Ends with 1 if a target was missed.
//
//     gpuio_speed --data FILE --localio-rate PROGRAM --lookup PROGRAM --workers PROGRAM
//                 [--rounds N] [--seconds S]
//                 [--only engine|cold|scan|random|requests|urgent|deadlines|workers|table]...

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <set>
#include <stdexcept>
#include <string>

#include "data.hpp"
#include "rows.hpp"

namespace {

struct CommandLine {
    speed::Options options;
    std::set<std::string> only;
    bool wants(const char* group) const { return only.empty() || only.contains(group); }
};

CommandLine parse(int count, char** arguments) {
    CommandLine line;
    for (int k = 1; k < count; k += 2) {
        const std::string name = arguments[k];
        if (k + 1 == count) throw std::runtime_error(name + " needs a value");
        const std::string value = arguments[k + 1];
        if (name == "--data") line.options.data_file = value;
        else if (name == "--localio-rate") line.options.localio_rate = value;
        else if (name == "--lookup") line.options.lookup = value;
        else if (name == "--workers") line.options.workers = value;
        else if (name == "--rounds") line.options.rounds = std::stoi(value);
        else if (name == "--seconds") line.options.seconds = std::stod(value);
        else if (name == "--only") line.only.insert(value);
        else throw std::runtime_error("unknown option " + name);
    }
    if (line.options.data_file.empty()) throw std::runtime_error("--data is missing");
    if (line.options.rounds < 1) throw std::runtime_error("--rounds must be at least 1");
    return line;
}

int run(const CommandLine& line) {
    const std::initializer_list<const char*> reading = {"engine", "cold", "scan", "random",
                                                        "requests", "urgent", "deadlines"};
    if (std::any_of(reading.begin(), reading.end(), [&](auto it) { return line.wants(it); })) {
        speed::make_data_file(line.options.data_file, 2048 * speed::kMiB);
    }
    int missed = 0;
    const speed::Emit emit = [&](const speed::Row& row) {
        print_row(row);
        missed += row.reached() ? 0 : 1;
    };
    speed::print_head();
    if (line.wants("engine")) engine_rows(line.options, emit);
    if (line.wants("cold")) cold_scan_rows(line.options, emit);
    if (line.wants("scan")) warm_scan_rows(line.options, emit);
    if (line.wants("random")) warm_random_rows(line.options, emit);
    if (line.wants("requests")) request_rows(line.options, emit);
    if (line.wants("urgent")) urgent_rows(line.options, emit);
    if (line.wants("deadlines")) deadline_rows(line.options, emit);
    if (line.wants("workers")) worker_rows(line.options, emit);
    if (line.wants("table")) speed::table_rows(emit);
    std::printf("\n%d target%s missed\n", missed, missed == 1 ? "" : "s");
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(parse(count, arguments));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gpuio_speed: %s\n", error.what());
        return 2;
    }
}
