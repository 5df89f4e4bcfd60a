#include <utility>

#include "client_core.h"
#include "sentinel.h"

namespace cryo::redis {
namespace {

/// How often a command is sent again since the server was no longer the master.
constexpr std::uint8_t kMaxRedirects = 16;

/// A client of one server, which may be whatever Sentinels make the master.
class SingleClient final : public ClientCore {
public:
    SingleClient(LoopPtr loop, const Options& options, const std::shared_ptr<const TlsContext>& tls)
        : ClientCore(std::move(loop), options, tls),
          follows_master_(options.sentinel.has_value()),
          node_(make_node(make_locator(loop_, options, resolver_, tls))) {}

    void start() override { node_->start(); }

private:
    void route(Request request) override { node_->submit(std::move(request)); }
    void stop_nodes() override { node_->stop(); }
    bool in_cluster() const noexcept override { return false; }
    std::uint64_t repeated() const noexcept override { return node_->repeated(); }

    /// A master that was made a replica refuses what it would have to write; the new one is found on reconnecting.
    bool take_on(Node& node, Request& request, std::string_view error) override {
        if (!follows_master_ || !error.starts_with("READONLY") || request.redirects >= kMaxRedirects) return false;
        ++request.redirects;
        ++stats_.redirected;
        request.last_error = error;
        node.restart_when_quiet("it is no longer the master");
        node.submit(std::move(request));
        return true;
    }

    void on_up(Node& node) override { set_health(Health::ready, "connected to " + node.place()); }
    void on_down(Node&, std::string_view reason, bool) override { set_health(Health::away, reason); }

    const bool follows_master_;
    const std::unique_ptr<Node> node_;
};

}  // namespace

std::shared_ptr<ClientCore> make_single_client(LoopPtr loop, const Options& options,
                                               std::shared_ptr<const TlsContext> tls) {
    return std::make_shared<SingleClient>(std::move(loop), options, tls);
}

}  // namespace cryo::redis
