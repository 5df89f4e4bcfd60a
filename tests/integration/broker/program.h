#pragma once

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wait.h"

namespace cryo::test {

/// A program that runs in a folder, with an environment of its own; what it prints, on both streams, is kept. Ended by
/// its process id, at the latest when the test's process ends.
class Program {
public:
    using Environment = std::map<std::string, std::string>;

    Program(std::vector<std::string> words, const std::string& folder, const Environment& environment = {}) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        std::vector<std::string> variables;
        for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
        auto argv = pointers(words), envp = pointers(variables);
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("cannot start " + words[0]);
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent || ::chdir(folder.c_str()) != 0) ::_exit(126);
            ::dup2(ends[1], STDOUT_FILENO);
            ::dup2(ends[1], STDERR_FILENO);
            ::execve(argv[0], argv.data(), envp.data());
            ::_exit(127);
        }
        ::close(ends[1]);
        output_fd_ = ends[0];
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
        wait();
        ::close(output_fd_);
    }

    void signal(int number) const { ::kill(pid_, number); }

    /// Reads until this was printed; false at the end, or when it does not come.
    bool prints(const std::string& text) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (output_.find(text) == std::string::npos) {
            if (std::chrono::steady_clock::now() > deadline || !read_some()) return false;
        }
        return true;
    }
    /// The port that it says it listens on; 0 when it does not say so.
    std::uint16_t port() {
        const std::string phrase = "listening on http://127.0.0.1:";
        if (!prints(phrase)) return 0;
        const auto at = output_.find(phrase) + phrase.size();
        while (output_.find('\n', at) == std::string::npos && read_some()) {
        }
        return static_cast<std::uint16_t>(std::atoi(output_.c_str() + at));
    }
    const std::string& output() const noexcept { return output_; }

    /// Its exit code once it has ended by itself; -1 when a signal ended it, or it does not end.
    int exit_code() {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (std::chrono::steady_clock::now() < deadline && read_some()) {
        }
        int status = 0;
        if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    static std::vector<char*> pointers(std::vector<std::string>& texts) {
        std::vector<char*> all;
        for (auto& text : texts) all.push_back(text.data());
        all.push_back(nullptr);
        return all;
    }

    bool read_some() {
        pollfd wanted{.fd = output_fd_, .events = POLLIN, .revents = 0};
        if (::poll(&wanted, 1, 100) <= 0) return true;
        char part[4096];
        const auto got = ::read(output_fd_, part, sizeof part);
        if (got > 0) output_.append(part, static_cast<std::size_t>(got));
        return got > 0;
    }

    void wait() {
        if (pid_ <= 0) return;
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    pid_t pid_ = 0;
    int output_fd_ = -1;
    std::string output_{};
};

}  // namespace cryo::test
