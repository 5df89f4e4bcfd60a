#include "direct_messenger.h"

#include <chrono>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

namespace cryo::broker {
namespace {

/// What a worker says of the effect; nothing: dSock's say only that there was one.
std::optional<Effect> effect_of(const HttpOutcome& outcome) {
    const auto body = nlohmann::json::parse(outcome.body, nullptr, false);
    if (!body.is_object()) return std::nullopt;
    const auto count = body.find("connections");
    if (count == body.end() || !count->is_number_unsigned()) return std::nullopt;
    const auto complete = body.find("complete");
    return Effect{count->get<std::size_t>(), complete != body.end() && *complete == true};
}

/// Gathers the workers' answers; told on the home loop.
struct Delivery {
    Delivery(LoopPtr loop, EffectHandler handler) : home(std::move(loop)), done(std::move(handler)) {}
    ~Delivery() {
        home->post([done = std::move(done), effect = effect, error = std::move(error)]() mutable {
            if (error.empty()) {
                done(effect);
            } else {
                done(Error{Errc::system, std::move(error)});
            }
        });
    }
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    void add(const Effect& part) {
        const std::lock_guard lock(mutex);
        effect.add(part);
    }
    void fail(std::string problem) {
        const std::lock_guard lock(mutex);
        error = std::move(problem);
    }

    LoopPtr home;
    EffectHandler done;
    std::mutex mutex{};  // a refusal for lack of room comes on the home loop, other answers on the sender's thread
    Effect effect{};
    std::string error{};
};

}  // namespace

DirectMessenger::DirectMessenger(LoopPtr home, std::shared_ptr<const BrokerOptions> options)
    : home_(std::move(home)), options_(std::move(options)) {}

void DirectMessenger::send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) {
    const bool action = parcel.action() != nullptr;
    const bool is_change = parcel.changes_something();
    const auto payload = std::visit([](const auto& content) { return wire::encode(content); }, parcel.content);
    const auto delivery = std::make_shared<Delivery>(home_, std::move(done));
    const auto deadline = std::chrono::steady_clock::now() + options_->confirm_timeout;
    std::unordered_set<std::string_view> addresses;
    for (const auto& worker : workers) {
        if (worker.address.empty()) {
            delivery->add({.complete = false});
            continue;
        }
        // One that was killed, and its successor at the same address: that one would get it twice.
        if (!addresses.insert(worker.address).second) continue;
        HttpPost post{.url = "http://" + worker.address + (action ? "/_/message/channel" : "/_/message"),
                      .headers = {"Content-Type: application/protobuf"},
                      .body = payload,
                      .timeout = options_->confirm_timeout,
                      .deadline = deadline,
                      .lane = worker.address};
        if (const auto& secret = options_->direct.secret; !secret.empty()) {
            post.headers.push_back("Authorization: Bearer " + secret);
        }
        if (!parcel.request_id.empty()) post.headers.push_back("X-Request-ID: " + parcel.request_id);
        sender_.post(std::move(post), [delivery, id = worker.id, is_change](const HttpOutcome& outcome) {
            if (outcome.ok()) {
                const auto effect = effect_of(outcome);
                if (is_change && effect && !effect->complete) {
                    return delivery->fail("worker " + id + " says that a change is not in effect");
                }
                return delivery->add(effect.value_or(Effect{.complete = false}));
            }
            delivery->fail("worker " + id + " did not take a message: " +
                           (outcome.error.empty() ? "status " + std::to_string(outcome.status) : outcome.error));
        });
    }
}

}  // namespace cryo::broker
