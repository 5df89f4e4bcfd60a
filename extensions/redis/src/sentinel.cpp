#include "sentinel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "slot_map.h"
#include "wire.h"

namespace cryo::redis {
namespace {

std::shared_ptr<const LinkConfig> link_config(const Options& options, std::shared_ptr<const TlsContext> tls) {
    return LinkConfig::make({.credentials = options.sentinel->credentials}, options, std::move(tls));
}

/// Several of them are to be tried within the time that the client has for its connection.
Node::Times times_of(const Options& options) {
    return {.connect = {.connect_timeout = std::max(options.connect_timeout / 3, std::chrono::milliseconds(1)),
                        .retry_min = options.retry_min,
                        .retry_max = options.retry_max},
            .command_timeout = options.command_timeout,
            .ping_interval = options.ping_interval};
}

}  // namespace

SentinelLocator::SentinelLocator(LoopPtr loop, const Options& options, std::shared_ptr<Resolver> resolver,
                                 std::shared_ptr<const TlsContext> tls)
    : loop_(std::move(loop)),
      resolver_(std::move(resolver)),
      master_name_(options.sentinel->master_name),
      translate_(options.translate),
      answer_timeout_(options.connect_timeout - options.connect_timeout / 8),
      check_interval_(options.sentinel->check_interval),
      check_timer_(loop_->make_timer([this] { check(); })),
      sentinel_(loop_, link_config(options, std::move(tls)), times_of(options),
                std::make_unique<ListLocator>(resolver_, options.sentinel->addresses),
                std::make_shared<ConnectCounters>(), *this) {
    sentinel_.start();
}

void SentinelLocator::ask(Client::Callback answer) {
    sentinel_.submit({.wire = encode({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name_}),
                      .callback = std::move(answer),
                      .deadline = loop_->now() + answer_timeout_,
                      .repeatable = true});
}

void SentinelLocator::on_answer(Node&, Request request, Reply reply) {
    if (!reply.is_error()) return request.callback(std::move(reply));
    request.callback(Error{Errc::refused, std::string(reply.text())});
}

void SentinelLocator::on_failed(Node&, Request request, Error error) { request.callback(std::move(error)); }

Result<Address> SentinelLocator::master_of(const Result<Reply>& reply) const {
    if (!reply) return Error{reply.error().code, "no Sentinel answers: " + reply.error().message};
    const auto host = reply.value()[0].text();
    const auto port = parse_port(reply.value()[1].text());
    if (port && !host.empty() && host.size() <= kMaxHostBytes) return Address{.host = std::string(host), .port = *port};
    return Error{Errc::not_found,
                 fmt::format("the Sentinel at {} knows no master named '{}'", sentinel_.place(), master_name_)};
}

void SentinelLocator::locate(Done done) {
    check_timer_->cancel();
    ask([this, done = std::move(done)](Result<Reply> reply) mutable {
        auto master = master_of(reply);
        if (!master) return done(std::move(master).error());
        told_ = *master;
        resolver_->resolve(translate_ ? translate_(*master) : *master, std::move(done));
    });
}

void SentinelLocator::on_failure() {
    check_timer_->cancel();
    sentinel_.restart_when_quiet("another one may know better");
}

void SentinelLocator::on_success() { check_timer_->start(check_interval_); }

void SentinelLocator::check() {
    check_timer_->start(check_interval_);
    ask([this](Result<Reply> reply) {
        const auto master = master_of(reply);
        if (!master || master.value() == told_ || !check_timer_->armed()) return;
        moved_(fmt::format("the Sentinels have made {} the master", to_string(master.value())));
    });
}

std::unique_ptr<ILocator> make_locator(const LoopPtr& loop, const Options& options,
                                       const std::shared_ptr<Resolver>& resolver,
                                       std::shared_ptr<const TlsContext> tls) {
    if (options.sentinel) return std::make_unique<SentinelLocator>(loop, options, resolver, std::move(tls));
    if (options.cluster) return std::make_unique<ListLocator>(resolver, options.cluster->seeds);
    if (!options.unix_path.empty()) return std::make_unique<UnixLocator>(options.unix_path);
    return std::make_unique<ListLocator>(resolver, std::vector{options.address});
}

}  // namespace cryo::redis
