#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/auth/claim_store.h>

#include "support/wait.h"

namespace cryo::test {

using auth::Claim;
using auth::ClaimLimits;
using auth::ClaimTarget;
using auth::IClaimStore;
using auth::TopicChange;

inline constexpr ClaimLimits kSmallClaimLimits{.max_topics = 8, .max_field_bytes = 64};

/// A claim store whose answers are waited for. Any thread.
class ClaimStoreCaller {
public:
    explicit ClaimStoreCaller(IClaimStore& store) : store_(store) {}

    Result<Claim> create(Claim claim) {
        return answer<Claim>([&](auto done) { store_.create(std::move(claim), std::move(done)); });
    }
    Result<Claim> redeem(std::string_view id) {
        return answer<Claim>([&](auto done) { store_.redeem(id, std::move(done)); });
    }
    Result<Claim> find(std::string_view id) {
        return answer<Claim>([&](auto done) { store_.find(id, std::move(done)); });
    }
    /// In the order of their ids.
    std::vector<Claim> list(ClaimTarget target) {
        auto found = answer<std::vector<Claim>>([&](auto done) { store_.list(std::move(target), std::move(done)); });
        EXPECT_TRUE(found) << found.error().message;
        if (!found) return {};
        std::sort(found->begin(), found->end(), [](const Claim& a, const Claim& b) { return a.id < b.id; });
        return std::move(found).value();
    }
    std::vector<std::string> ids(ClaimTarget target) {
        std::vector<std::string> ids;
        for (const auto& claim : list(std::move(target))) ids.push_back(claim.id);
        return ids;
    }
    std::size_t remove(ClaimTarget target) {
        return number([&](auto done) { store_.remove(std::move(target), std::move(done)); });
    }
    std::size_t change(ClaimTarget target, std::string topic, TopicChange change) {
        return number(
            [&](auto done) { store_.change_topic(std::move(target), std::move(topic), change, std::move(done)); });
    }

    template <class T, class Call>
    static Result<T> answer(Call call) {
        const auto inbox = std::make_shared<Inbox<Result<T>>>();  // an answer may come after its time
        call(IClaimStore::Done<T>([inbox](Result<T> result) { inbox->push(std::move(result)); }));
        return inbox->next().value_or(Error{Errc::user_code, "no answer"});
    }

private:
    template <class Call>
    std::size_t number(Call call) {
        const auto result = answer<std::size_t>(std::move(call));
        EXPECT_TRUE(result) << result.error().message;
        return result ? result.value() : ~std::size_t{0};
    }

    IClaimStore& store_;
};

/// Runs `work(thread)` on many threads that begin together, and counts how often it says true.
template <class Work>
int race(int threads, Work work) {
    std::atomic<int> waiting{threads}, won{0};
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
        running.emplace_back([&, i] {
            --waiting;
            while (waiting > 0) std::this_thread::yield();
            if (work(i)) ++won;
        });
    }
    for (auto& thread : running) thread.join();
    return won;
}

}  // namespace cryo::test
