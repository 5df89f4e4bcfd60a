#include "client_core.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "log.h"
#include "wire.h"

namespace cryo::redis {
namespace {

Node::Times times_of(const Options& options) {
    return {.connect = {.connect_timeout = options.connect_timeout,
                        .retry_min = options.retry_min,
                        .retry_max = options.retry_max},
            .command_timeout = options.command_timeout,
            .ping_interval = options.ping_interval};
}

std::shared_ptr<const LinkConfig> link_config_of(const Options& options, std::shared_ptr<const TlsContext> tls) {
    const Hello hello{.credentials = options.credentials,
                      .database = options.database,
                      .client_name = options.client_name,
                      .master_only = options.sentinel.has_value()};
    return LinkConfig::make(hello, options, std::move(tls));
}

}  // namespace

ClientCore::ClientCore(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls)
    : loop_(std::move(loop)),
      connect_times_(times_of(options).connect),
      logger_(options.logger),
      resolver_(std::make_shared<Resolver>(loop_, options.resolver)),
      link_config_(link_config_of(options, std::move(tls))),
      node_times_(times_of(options)),
      max_commands_(options.max_pending_commands),
      max_bytes_(options.max_pending_bytes) {}

std::unique_ptr<Node> ClientCore::make_node(std::unique_ptr<ILocator> locator) {
    return std::make_unique<Node>(loop_, link_config_, node_times_, std::move(locator), counters_, *this);
}

void ClientCore::stop() {
    if (stopped()) return;
    health_ = Health::stopped;
    stop_nodes();
    call_rejected();
}

// -- commands in -----------------------------------------------------------------------------------------------------

void ClientCore::command(Client::Words words, const CommandOptions& options, Client::Callback callback) {
    if (words.empty()) return reject(std::move(callback), {Errc::invalid_argument, "a command needs a name"});
    const std::string_view key = !options.key.empty() || words.size() < 2 ? options.key : words[1];
    accept({.wire = encode(words)}, key, options, std::move(callback));
}

void ClientCore::run(const Script& script, Client::Words keys, Client::Words arguments, const CommandOptions& options,
                     Client::Callback callback) {
    const std::string_view key = keys.empty() ? options.key : keys.front();
    for (const auto other : keys) {
        if (!in_cluster() || slot_of_key(other) == slot_of_key(key)) continue;
        return reject(std::move(callback), {Errc::invalid_argument,
                                            "the keys of a script lie in different slots of the cluster; give them "
                                            "a common part in {}"});
    }
    accept({.wire = encode_script(script, keys, arguments), .script = script}, key, options, std::move(callback));
}

void ClientCore::accept(Request request, std::string_view key, const CommandOptions& options,
                        Client::Callback callback) {
    const std::size_t bytes = request.wire.size();
    if (stopped()) return reject(std::move(callback), {Errc::unavailable, "the client was stopped"});
    if (!has_room(bytes)) {
        return reject(std::move(callback),
                      {Errc::unavailable, fmt::format("too much waits for Redis: {} commands, {} bytes", stats_.pending,
                                                      stats_.pending_bytes)});
    }
    ++stats_.commands;
    ++stats_.pending;
    stats_.pending_bytes += bytes;
    request.callback = std::move(callback);
    request.bytes = bytes;
    request.repeatable = options.repeatable;
    const auto timeout = options.timeout.count() > 0 ? options.timeout : node_times_.command_timeout;
    request.deadline = loop_->now() + timeout;
    if (in_cluster() && !key.empty()) request.slot = slot_of_key(key);
    route(std::move(request));
}

bool ClientCore::has_room(std::size_t bytes) const noexcept {
    return stats_.pending < max_commands_ && stats_.pending_bytes <= max_bytes_ &&
           bytes <= max_bytes_ - stats_.pending_bytes;
}

/// The callback must not be called from within the method that refuses.
void ClientCore::reject(Client::Callback callback, Error error) {
    if (error.code == Errc::unavailable) ++stats_.unavailable;
    if (!callback) return;
    rejected_.push_back({std::move(callback), std::move(error)});
    if (rejected_.size() > 1) return;
    loop_->at_turn_end([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->call_rejected();
    });
}

void ClientCore::call_rejected() {
    for (auto& [callback, error] : std::exchange(rejected_, {})) call(callback, std::move(error));
}

// -- answers ---------------------------------------------------------------------------------------------------------

void ClientCore::on_answer(Node& node, Request request, Reply reply) {
    const auto slot = request.slot;
    answer(node, std::move(request), std::move(reply));
    settled(node, slot);
}

void ClientCore::on_failed(Node& node, Request request, Error error) {
    const auto slot = request.slot;
    finish(std::move(request), std::move(error));
    settled(node, slot);
}

void ClientCore::answer(Node& node, Request request, Reply reply) {
    if (!reply.is_error()) return finish(std::move(request), std::move(reply));
    if (request.script && reply.text().starts_with("NOSCRIPT")) {
        request.wire = with_source(request.wire, *request.script);
        request.script.reset();
        return node.submit(std::move(request));
    }
    if (take_on(node, request, reply.text())) return;
    finish(std::move(request), Error{Errc::refused, std::string(reply.text())});
}

void ClientCore::finish(Request request, Result<Reply> result) {
    if (request.counted) {
        --stats_.pending;
        stats_.pending_bytes -= request.bytes;
        if (result || result.error().code == Errc::refused) ++stats_.answers;
        if (!result) {
            const Errc code = result.error().code;
            ++(code == Errc::refused       ? stats_.refused
               : code == Errc::unavailable ? stats_.unavailable
                                           : stats_.outcome_unknown);
        }
    }
    if (request.callback) call(request.callback, std::move(result));
}

/// What a callback throws must not keep others from being called: the loop gets to know of it afterwards.
void ClientCore::call(Client::Callback& callback, Result<Reply> result) noexcept {
    try {
        callback(std::move(result));
    } catch (...) {
        loop_->post([thrown = std::current_exception()] { std::rethrow_exception(thrown); });
    }
}

// -- health ----------------------------------------------------------------------------------------------------------

void ClientCore::set_health(Health health, std::string_view detail) {
    if (stopped()) return;
    const bool changed = health != health_;
    if (!changed && detail == detail_) return;
    health_ = health;
    detail_ = detail;
    const LogLevel level = health == Health::away ? LogLevel::warning : LogLevel::info;
    log(logger_.get(), level, fmt::format("{}: {}", to_string(health), detail));
    if (!changed) return;
    for (const auto& weak : health_list_.all()) {
        const auto handler = weak.lock();
        if (!handler || health != health_) continue;
        try {
            (*handler)(health);
        } catch (...) {
            loop_->post([thrown = std::current_exception()] { std::rethrow_exception(thrown); });
        }
    }
}

std::unique_ptr<HealthWatch> ClientCore::watch_health(std::function<void(Health)> handler) {
    return health_list_.add(std::move(handler));
}

ClientStats ClientCore::stats() const {
    ClientStats stats = stats_;
    stats.connects = counters_->connects;
    stats.disconnects = counters_->disconnects;
    stats.failed_connects = counters_->failed_connects;
    stats.repeated = repeated();
    return stats;
}

}  // namespace cryo::redis
