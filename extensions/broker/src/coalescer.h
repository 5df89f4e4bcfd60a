#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::broker {

/// Asks once for all who want to know the same at the same time.
///
/// An answer is only for those who were there before its question was put: who comes later may have changed what is
/// asked about, and waits for the answer to the next one. So of a key there is one question, and one batch that waits.
/// An error is for all, so that nobody waits for two of them.
///
/// Thread safety: none. Answers may come from within calls.
/// Lifetime: outlives its questions.
template <class Key, class Value>
class Coalescer {
public:
    using Done = UniqueFunction<void(Result<Value>)>;
    using Question = std::function<void(const Key&, Done)>;

    /// @param question asks about a key, and answers exactly once
    /// @param max_callers without an answer, of all keys; further ones are refused
    Coalescer(Question question, std::size_t max_callers) : question_(std::move(question)), max_callers_(max_callers) {}
    Coalescer(const Coalescer&) = delete;
    Coalescer& operator=(const Coalescer&) = delete;

    /// Errors: those of the question, and `unavailable` when too many ask.
    void ask(const Key& key, Done done) {
        if (callers_ >= max_callers_) return done(Error{Errc::unavailable, "too many ask at the same time"});
        ++callers_;
        const auto [batch, is_first] = waiting_.try_emplace(key);
        batch->second.push_back(std::move(done));
        if (is_first) put_question(key);
    }

private:
    using Callers = std::vector<Done>;

    void put_question(const Key& key) {
        question_(key, [this, key, callers = std::exchange(waiting_.at(key), {})](Result<Value> answer) mutable {
            if (!answer) {
                auto& later = waiting_.at(key);
                callers.insert(callers.end(), std::make_move_iterator(later.begin()),
                               std::make_move_iterator(later.end()));
                later.clear();
            }
            callers_ -= callers.size();
            for (auto& done : callers) done(answer);
            if (const auto batch = waiting_.find(key); batch->second.empty()) {
                waiting_.erase(batch);
            } else {
                put_question(key);
            }
        });
    }

    const Question question_;
    const std::size_t max_callers_;
    std::size_t callers_ = 0;
    std::map<Key, Callers> waiting_{};  // of each key that is asked about: those who came since
};

}  // namespace cryo::broker
