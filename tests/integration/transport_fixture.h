#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/client_socket.h"
#include "support/tls_certificate.h"
#include "transport/loop.h"

namespace cryo::transport {

using namespace std::chrono_literals;

/// Waits until `condition` holds; false after five seconds.
inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = Clock::now() + 5s;
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

/// Bytes that differ from place to place, so that lost, doubled and swapped ones are seen.
inline std::string pattern(std::size_t size) {
    std::string data(size, '\0');
    std::uint32_t state = 1;
    for (char& c : data) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return data;
}

struct Counters {
    std::atomic<int> opened{0};
    std::atomic<int> closed{0};
    std::atomic<int> destroyed{0};
    std::atomic<int> flushes{0};
    std::atomic<std::size_t> bytes{0};
};

/// Echoes, unless a test replaces one of its reactions.
class TestHandler : public SocketHandler, public std::enable_shared_from_this<TestHandler> {
public:
    TestHandler(Socket& on, Counters& count) : socket(&on), counters(count) {
        ++counters.opened;
        bytes = [](TestHandler& self, std::string_view data) { self.send(data); };
        flush = [](TestHandler& self) { self.write(); };
        closed = [](TestHandler&) {};
    }
    ~TestHandler() override { ++counters.destroyed; }

    void on_bytes(std::span<std::byte> data) noexcept override {
        counters.bytes += data.size();
        bytes(*this, as_text(data));
    }
    void on_flush() noexcept override {
        ++counters.flushes;
        flush(*this);
    }
    void on_closed() noexcept override {
        ++counters.closed;
        closed(*this);
        socket = nullptr;
    }

    void send(std::string_view data) {
        outgoing.append(data);
        socket->request_flush();
    }
    /// Hands over what is waiting; false when the socket is full.
    bool write() {
        const Bytes buffer = as_bytes(std::string_view(outgoing).substr(written));
        const std::size_t taken = socket->write({&buffer, 1});
        EXPECT_LE(taken, buffer.size());
        written += taken;
        if (written < outgoing.size()) return false;
        outgoing.clear();
        written = 0;
        return true;
    }

    Socket* socket;
    Counters& counters;
    std::string outgoing;
    std::size_t written = 0;
    std::function<void(TestHandler&, std::string_view)> bytes;
    std::function<void(TestHandler&)> flush;
    std::function<void(TestHandler&)> closed;
};

/// A loop on a free port of 127.0.0.1, running on a thread of its own until the end of the test.
class LoopThread {
public:
    using Prepare = std::function<void(TestHandler&)>;

    explicit LoopThread(
        Prepare prepare = [](TestHandler&) {}, ListenConfig config = {}) {
        if (config.fd < 0) {
            auto listener = bind_listener("127.0.0.1", 0, false, true);
            EXPECT_TRUE(listener) << (listener ? "" : listener.error().message);
            config.fd = listener->fd;
            port = listener->port;
        }
        auto made = Loop::create(std::move(config), [this, prepare](Socket& socket) {
            auto handler = std::make_shared<TestHandler>(socket, counters);
            prepare(*handler);
            last = handler;
            return refuse ? nullptr : handler;
        });
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        loop = std::move(*made);
        thread_ = std::thread([this] { loop->run(); });
    }
    ~LoopThread() { stop(); }

    void stop() {
        if (!thread_.joinable()) return;
        loop->stop();
        thread_.join();
    }

    /// Runs `task` on the loop and waits for it. The end of the turn comes after it.
    template <class Task>
    auto on_loop(Task task) {
        std::packaged_task<decltype(task())()> packaged(std::move(task));
        auto result = packaged.get_future();
        EXPECT_TRUE(loop->post([&packaged] { packaged(); }));
        return result.get();
    }

    Counters counters;
    std::weak_ptr<TestHandler> last;  ///< The handler of the newest connection; touch it on the loop only.
    std::atomic<bool> refuse{false};
    std::uint16_t port = 0;
    std::unique_ptr<Loop> loop;

private:
    std::thread thread_;
};

/// Keeps the loop from polling, so that what happens meanwhile is told in one.
class Held {
public:
    explicit Held(LoopThread& server) {
        std::promise<void> held;
        auto holding = held.get_future();
        EXPECT_TRUE(server.loop->post([held = std::move(held), until = until_.get_future()]() mutable {
            held.set_value();
            until.wait();
        }));
        holding.wait();
    }
    ~Held() { until_.set_value(); }

private:
    std::promise<void> until_;
};

inline ListenConfig with_tls(const test::TlsCertificate& certificate) {
    ListenConfig config;
    config.tls.emplace();
    config.tls->certificate_file = certificate.certificate_file();
    config.tls->key_file = certificate.key_file();
    return config;
}

}  // namespace cryo::transport
