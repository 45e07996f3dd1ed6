#include "process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

extern char** environ;

namespace speed {
namespace {

struct Pipe {
    int read_end = -1;
    int write_end = -1;
};

Pipe make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    return {ends[0], ends[1]};
}

/// Starts a program; `input` is -1 for none of its own.
pid_t start(const std::vector<std::string>& arguments, int input, int output) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    pid_t process = -1;
    const int failure = posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) throw std::runtime_error("cannot start " + arguments[0]);
    return process;
}

}  // namespace

std::string run_program(const std::vector<std::string>& arguments) {
    const Pipe output = make_pipe();
    const pid_t process = start(arguments, -1, output.write_end);
    close(output.write_end);
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(output.read_end, buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    close(output.read_end);
    int status = 0;
    waitpid(process, &status, 0);
    if (status != 0) throw std::runtime_error(arguments[0] + " failed: " + text);
    return text;
}

double number_after(const std::string& text, const std::string& after, const std::string& key) {
    const std::size_t start = text.find(after);
    const std::size_t at = start == std::string::npos ? start : text.find(key, start);
    if (at == std::string::npos) throw std::runtime_error("no \"" + key + "\" in: " + text);
    const std::size_t digits = text.find_first_of("0123456789", at + key.size());
    if (digits == std::string::npos) throw std::runtime_error("no number after " + key);
    return std::strtod(text.c_str() + digits, nullptr);
}

Companion::Companion(const std::vector<std::string>& arguments) {
    const Pipe input = make_pipe();
    const Pipe output = make_pipe();
    process_ = start(arguments, input.read_end, output.write_end);
    close(input.read_end);
    close(output.write_end);
    to_ = fdopen(input.write_end, "w");
    from_ = fdopen(output.read_end, "r");
}

Companion::~Companion() {
    std::fclose(to_);
    std::fclose(from_);
    waitpid(process_, nullptr, 0);
}

std::string Companion::ask(const std::string& line) {
    char answer[256];
    std::fputs((line + "\n").c_str(), to_);
    std::fflush(to_);
    if (std::fgets(answer, sizeof answer, from_) == nullptr) {
        throw std::runtime_error("the program that was asked \"" + line + "\" has ended");
    }
    return answer;
}

}  // namespace speed
