#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/client.h>

#include "health_list.h"
#include "link.h"
#include "locator.h"
#include "node.h"
#include "request.h"

namespace cryo::redis {

/// What clients of one server and of a cluster have in common: accepting commands, ending them, counting, health.
///
/// Loop thread. Kept until the end of the turn in which it was stopped, since its callbacks may be what stops it.
class ClientCore : public std::enable_shared_from_this<ClientCore>, public Node::Owner {
public:
    ClientCore(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls);
    virtual ~ClientCore() = default;

    virtual void start() = 0;
    void stop();

    void command(Client::Words words, const CommandOptions& options, Client::Callback callback);
    void run(const Script& script, Client::Words keys, Client::Words arguments, const CommandOptions& options,
             Client::Callback callback);

    /// Whether a command of so many bytes would be accepted.
    bool has_room(std::size_t bytes) const noexcept;

    Health health() const noexcept { return health_; }
    /// What `health` is due to. For log lines.
    const std::string& detail() const noexcept { return detail_; }
    std::unique_ptr<HealthWatch> watch_health(std::function<void(Health)> handler);
    ClientStats stats() const;
    const LoopPtr& loop() const noexcept { return loop_; }

protected:
    /// Sends an accepted command; must not end it from here.
    virtual void route(Request request) = 0;
    /// Stops every node, and ends what else waits.
    virtual void stop_nodes() = 0;
    /// Whether an error reply only says that the command was not executed here and now; then it was taken on.
    virtual bool take_on(Node& node, Request& request, std::string_view error) = 0;
    /// A node has answered a command, or will not: after what came of that.
    virtual void settled(Node&, std::optional<std::uint16_t>) {}
    virtual bool in_cluster() const noexcept = 0;
    virtual std::uint64_t repeated() const noexcept = 0;

    void on_answer(Node& node, Request request, Reply reply) final;
    void on_failed(Node& node, Request request, Error error) final;

    /// Ends a command: the only place that calls callbacks.
    void finish(Request request, Result<Reply> result);
    void set_health(Health health, std::string_view detail);
    bool stopped() const noexcept { return health_ == Health::stopped; }
    std::unique_ptr<Node> make_node(std::unique_ptr<ILocator> locator);

    const LoopPtr loop_;
    const ConnectTimes connect_times_;
    const std::shared_ptr<ILogger> logger_;
    const std::shared_ptr<Resolver> resolver_;
    const std::shared_ptr<const LinkConfig> link_config_;
    ClientStats stats_{};

private:
    void answer(Node& node, Request request, Reply reply);
    void accept(Request request, std::string_view key, const CommandOptions& options, Client::Callback callback);
    void reject(Client::Callback callback, Error error);
    void call_rejected();
    void call(Client::Callback& callback, Result<Reply> result) noexcept;

    struct Rejected {
        Client::Callback callback;
        Error error;
    };

    const Node::Times node_times_;
    const std::size_t max_commands_;
    const std::size_t max_bytes_;
    const std::shared_ptr<ConnectCounters> counters_ = std::make_shared<ConnectCounters>();
    Health health_ = Health::connecting;
    std::string detail_{};
    HealthList health_list_{};
    std::vector<Rejected> rejected_{};
};

std::shared_ptr<ClientCore> make_single_client(LoopPtr loop, const Options& options,
                                               std::shared_ptr<const TlsContext> tls);
std::shared_ptr<ClientCore> make_cluster_client(LoopPtr loop, const Options& options,
                                                std::shared_ptr<const TlsContext> tls);

}  // namespace cryo::redis
