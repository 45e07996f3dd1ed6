#include "common/cli.hpp"

#include <cstdio>
#include <exception>

namespace examples {

CLI::Option* add_size_option(CLI::App& app, const std::string& name, std::uint64_t& bytes,
                             const std::string& help) {
    return app.add_option(name, bytes, help)
        ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
        ->type_name("SIZE")
        ->capture_default_str();
}

int run_program(CLI::App& app, int argc, char** argv, const std::function<int()>& body) {
    try {
        app.parse(argc, argv);
        return body();
    } catch (const CLI::Error& error) {
        // CLI11 has an exit code a kind of mistake; scripts need to tell only help from misuse.
        return app.exit(error) == 0 ? kOk : kUsage;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
        return kFailed;
    }
}

}  // namespace examples
