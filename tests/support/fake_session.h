#pragma once

#include <any>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <cryo/session.h>

namespace cryo::test {

/// A session without a connection, whose loop is whoever calls `run_posted`.
class FakeSession final : public Session {
public:
    /// Runs what was posted so far; how many tasks that were.
    std::size_t run_posted() {
        std::deque<UniqueFunction<void()>> tasks;
        {
            const std::lock_guard lock(mutex_);
            tasks.swap(tasks_);
        }
        for (auto& task : tasks) task();
        return tasks.size();
    }

    /// Blocks until something is posted.
    void wait_for_post() {
        std::unique_lock lock(mutex_);
        posted_.wait(lock, [this] { return !tasks_.empty(); });
    }

    bool post(UniqueFunction<void()> task) override {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        posted_.notify_one();
        return true;
    }

    const SessionId& id() const noexcept override { return id_; }
    std::string_view remote_address() const noexcept override { return "192.0.2.1"; }
    std::string_view path() const noexcept override { return "/"; }
    std::optional<std::string> query(std::string_view) const override { return std::nullopt; }
    const Identity& identity() const noexcept override { return identity_; }
    std::string_view token() const noexcept override { return {}; }
    bool secure() const noexcept override { return false; }
    bool is_open() const noexcept override { return true; }
    SendStatus send_utf8(std::string_view, SendOptions) override { return SendStatus::closed; }
    SendStatus send_binary(Bytes, SendOptions) override { return SendStatus::closed; }
    SendStatus send(const PreparedMessage&, SendOptions) override { return SendStatus::closed; }
    void ping() override {}
    void close(CloseCode, std::string_view) override {}
    void destroy() override {}
    void pause_reading() override {}
    void resume_reading() override {}
    SessionStats stats() const override { return {}; }
    void count_drops_in(std::shared_ptr<std::atomic<std::uint64_t>>) override {}
    void on_message_utf8(UniqueFunction<void(Session&, std::string_view)>) override {}
    void on_message_binary(UniqueFunction<void(Session&, Bytes)>) override {}
    void on_closed(UniqueFunction<void(Session&, const CloseEvent&)>) override {}
    void on_drain(UniqueFunction<void(Session&)>) override {}
    void on_dropped(UniqueFunction<void(Session&, const DroppedMessage&)>) override {}
    void on_stat_rtt(UniqueFunction<void(Session&, std::chrono::microseconds)>) override {}
    void on_stat_bytes_rx(UniqueFunction<void(Session&, std::uint64_t)>) override {}
    void on_stat_bytes_tx(UniqueFunction<void(Session&, std::uint64_t)>) override {}
    void on_stat_ack_timeout(UniqueFunction<void(Session&, std::uint64_t)>) override {}

protected:
    std::any& slot(std::string_view key) override { return slots_[std::string(key)]; }
    std::any* find_slot(std::string_view key) noexcept override {
        const auto found = slots_.find(key);
        return found == slots_.end() ? nullptr : &found->second;
    }

private:
    SessionId id_{};
    Identity identity_{};
    std::map<std::string, std::any, std::less<>> slots_{};
    std::mutex mutex_{};
    std::condition_variable posted_{};
    std::deque<UniqueFunction<void()>> tasks_{};
};

}  // namespace cryo::test
