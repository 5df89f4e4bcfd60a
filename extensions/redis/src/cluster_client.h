#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client_core.h"
#include "slot_map.h"
#include "slot_moves.h"

namespace cryo::redis {

/// A client of a Redis Cluster: a node for each master, a table of slots, redirections.
///
/// The table is asked for at the start, now and then, when a node moves a slot or is lost, and twice a second while
/// anything is amiss. Commands wait where their slot has no node; when the table changes, what waits for a node
/// that is away is routed anew.
class ClusterClient final : public ClientCore {
public:
    ClusterClient(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls);

    void start() override;

    /// Asks for the table of slots again, but not too often.
    void refresh_soon();
    /// Calls `handler` whenever a table was taken over.
    void on_slots(UniqueFunction<void(const std::vector<SlotRange>&)> handler) { on_slots_ = std::move(handler); }

private:
    struct Member {
        Address address{};
        std::unique_ptr<Node> node{};
        bool has_slots = false;
    };
    /// A command that could not be sent, or not be executed, yet.
    struct Parked {
        Request request{};
        Loop::Clock::time_point retry{};
    };

    void route(Request request) override;
    void stop_nodes() override;
    bool take_on(Node& node, Request& request, std::string_view error) override;
    void settled(Node& node, std::optional<std::uint16_t> slot) override;
    bool in_cluster() const noexcept override { return true; }
    std::uint64_t repeated() const noexcept override;
    void on_up(Node& node) override;
    void on_down(Node& node, std::string_view reason, bool was_up) override;

    bool redirect(Node& node, Request& request, Redirect redirect);
    Member* find(const Node& node);
    Node* node_at(const Address& address);
    Node* any_node_up();
    void release(const Node& from, std::optional<SlotMoves::Released> released);
    void park(Request request, Loop::Clock::time_point retry);
    void retry_parked(Loop::Clock::time_point due);
    void refresh();
    void ask_for_slots(Node& node);
    void take_slots(const Address& asked, const Result<Reply>& reply);
    void assign(const std::vector<SlotRange>& ranges);
    void retire_unused();
    void reroute_waiting();
    void judge_health(bool trouble);
    void on_alarm();

    const std::vector<Address> seeds_;
    const std::function<Address(const Address&)> translate_;
    const std::chrono::milliseconds refresh_interval_;
    Alarm alarm_;
    std::vector<Member> members_{};
    std::vector<Node*> owners_;  ///< By slot; null: nobody's, or not known yet.
    bool all_owned_ = false;
    std::vector<Parked> parked_{};
    SlotMoves moves_{};
    bool refreshing_ = false;
    Loop::Clock::time_point refreshed_{};  ///< When the table was last asked for.
    Loop::Clock::time_point refresh_at_{};
    std::string problem_{"not connected yet"};  ///< The last one that was met.
    std::uint64_t repeated_ = 0;                ///< By nodes that are gone.
    UniqueFunction<void(const std::vector<SlotRange>&)> on_slots_{};
};

}  // namespace cryo::redis
