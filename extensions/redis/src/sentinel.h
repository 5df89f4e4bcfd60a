#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/loop.h>
#include <cryo/redis/options.h>

#include "locator.h"
#include "node.h"

namespace cryo::redis {

/// Finds a master by asking Sentinels in turn, and goes on asking while it is in use.
class SentinelLocator final : public ILocator, private Node::Owner {
public:
    SentinelLocator(LoopPtr loop, const Options& options, std::shared_ptr<Resolver> resolver,
                    std::shared_ptr<const TlsContext> tls);

    void locate(Done done) override;
    /// Another Sentinel may know better.
    void on_failure() override;
    void on_success() override;
    void watch(UniqueFunction<void(std::string_view reason)> moved) override { moved_ = std::move(moved); }

private:
    void on_answer(Node& node, Request request, Reply reply) override;
    void on_failed(Node& node, Request request, Error error) override;
    void on_up(Node&) override {}
    void on_down(Node&, std::string_view, bool) override {}

    void ask(Client::Callback answer);
    Result<Address> master_of(const Result<Reply>& reply) const;
    void check();

    const LoopPtr loop_;
    const std::shared_ptr<Resolver> resolver_;
    const std::string master_name_;
    const std::function<Address(const Address&)> translate_;
    const std::chrono::milliseconds answer_timeout_;
    const std::chrono::milliseconds check_interval_;
    const std::unique_ptr<LoopTimer> check_timer_;
    UniqueFunction<void(std::string_view reason)> moved_{};
    Address told_{};  ///< The last answer to `locate`.
    Node sentinel_;   ///< Whichever of them is the current one.
};

/// For a client of one server, wherever the options say that it is; in a cluster any seed.
std::unique_ptr<ILocator> make_locator(const LoopPtr& loop, const Options& options,
                                       const std::shared_ptr<Resolver>& resolver,
                                       std::shared_ptr<const TlsContext> tls);

}  // namespace cryo::redis
