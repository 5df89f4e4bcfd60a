#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <cryo/unique_function.h>

namespace cryo::broker {

/// One POST to make.
struct HttpPost {
    std::string url{};
    std::vector<std::string> headers{};  ///< `Name: value`
    std::string body{};
    std::chrono::milliseconds timeout{5'000};  ///< Of one attempt.
    /// When it is given up, also while it waits for its turn.
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    unsigned attempts = 1;  ///< Again after a failure that may pass: no answer, 429, 5xx.
    std::string
        lane{};  ///< Posts of one lane are made one after the other, in order; those of others at the same time.
};

/// What came of a POST.
struct HttpOutcome {
    long status = 0;      ///< 0: no answer.
    std::string body{};   ///< At most 64 kB of it.
    std::string error{};  ///< Why there was no answer.

    bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Makes POST requests, on a thread of its own, over connections that are kept.
///
/// Thread safety: any thread. `done` is called exactly once, on the sender's thread; within `post` when the queue is
/// full. It must not throw. Lifetime: the destructor gives up what is under way, and tells so.
class HttpSender {
public:
    struct Limits {
        std::size_t max_queued = 10'000;
        std::size_t max_queued_bytes = 64u << 20;
        std::size_t max_in_lane = 10'000;
        bool use_proxy = false;  ///< As the environment says (`https_proxy` ...).
    };
    using Done = UniqueFunction<void(HttpOutcome)>;

    explicit HttpSender(Limits limits);
    ~HttpSender();
    HttpSender(const HttpSender&) = delete;
    HttpSender& operator=(const HttpSender&) = delete;

    void post(HttpPost post, Done done);

private:
    class Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace cryo::broker
