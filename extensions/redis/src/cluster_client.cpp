#include "cluster_client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "random.h"
#include "wire.h"

namespace cryo::redis {
namespace {

using std::chrono::milliseconds;
using TimePoint = Loop::Clock::time_point;

/// How often a command is sent elsewhere, or again, before the cluster's answer is passed on.
constexpr std::uint8_t kMaxRedirects = 16;
constexpr milliseconds kMinRefreshInterval{100};
/// Between questions for the table of slots while anything is amiss.
constexpr milliseconds kRepairInterval{500};

/// After that another node is asked.
constexpr milliseconds kMaxAnswerTime{1'000};

/// Until a command is sent again that the cluster could not execute yet.
milliseconds retry_delay(unsigned attempt) { return milliseconds(20 << std::min(attempt, 5u)); }

/// The cluster, or this node, cannot execute it now, and has not.
bool is_passing(std::string_view error) noexcept {
    static constexpr std::string_view kPassing[] = {"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN"};
    return std::any_of(std::begin(kPassing), std::end(kPassing), [&](auto word) { return error.starts_with(word); });
}

}  // namespace

ClusterClient::ClusterClient(LoopPtr loop, const Options& options, std::shared_ptr<const TlsContext> tls)
    : ClientCore(std::move(loop), options, std::move(tls)),
      seeds_(options.cluster->seeds),
      translate_(options.translate),
      refresh_interval_(options.cluster->refresh_interval),
      alarm_(loop_, [this] { on_alarm(); }),
      owners_(kSlots, nullptr) {}

void ClusterClient::start() {
    for (const auto& seed : seeds_) node_at(seed);
}

void ClusterClient::stop_nodes() {
    alarm_.cancel();
    auto moves = moves_.take_all();  // first: a node that stops must not set them going to another one
    for (const auto& member : members_) member.node->stop();
    const Error stopped{Errc::unavailable, "the client was stopped"};
    for (auto& move : moves) {
        for (auto& request : move.bounced) finish(std::move(request), stopped);
        for (auto& request : move.fresh) finish(std::move(request), stopped);
    }
    for (auto& parked : std::exchange(parked_, {})) finish(std::move(parked.request), stopped);
}

std::uint64_t ClusterClient::repeated() const noexcept {
    std::uint64_t sum = repeated_;
    for (const auto& member : members_) sum += member.node->repeated();
    return sum;
}

// -- nodes -----------------------------------------------------------------------------------------------------------

ClusterClient::Member* ClusterClient::find(const Node& node) {
    const auto found =
        std::find_if(members_.begin(), members_.end(), [&](auto& one) { return one.node.get() == &node; });
    return found == members_.end() ? nullptr : &*found;
}

/// Null when there are too many.
Node* ClusterClient::node_at(const Address& address) {
    for (const auto& member : members_) {
        if (member.address == address) return member.node.get();
    }
    if (members_.size() >= kMaxNodes) return nullptr;
    auto node = make_node(std::make_unique<ListLocator>(resolver_, std::vector{address}));
    Node* const made = node.get();
    members_.push_back({.address = address, .node = std::move(node)});
    made->start();
    return made;
}

/// Any one, to spread what may go anywhere. Null when none is up.
Node* ClusterClient::any_node_up() {
    const std::size_t count = members_.size();
    const std::size_t first = count > 1 ? random_below(static_cast<std::uint32_t>(count)) : 0;
    for (std::size_t i = 0; i < count; ++i) {
        Node* const node = members_[(first + i) % count].node.get();
        if (node->up()) return node;
    }
    return nullptr;
}

void ClusterClient::on_up(Node& node) {
    if (!refreshing_ && !all_owned_) ask_for_slots(node);
    judge_health(false);
    retry_parked(loop_->now());
}

void ClusterClient::on_down(Node& node, std::string_view reason, bool) {
    problem_ = reason;
    for (auto& move : moves_.settle_all(node)) release(node, std::move(move));
    judge_health(all_owned_ || !any_node_up());
    refresh_soon();
}

// -- commands --------------------------------------------------------------------------------------------------------

void ClusterClient::route(Request request) {
    if (moves_.hold(request)) return;
    request.asking = false;
    Node* const node = request.slot ? owners_[*request.slot] : any_node_up();
    if (node) return node->submit(std::move(request));
    park(std::move(request), TimePoint::max());
}

void ClusterClient::park(Request request, TimePoint retry) {
    alarm_.set(std::min(retry, request.deadline));
    parked_.push_back({.request = std::move(request), .retry = retry});
    if (retry == TimePoint::max()) refresh_soon();
}

/// Routes what was to be sent again by `due`, and what waits for a slot or a node that is there now.
void ClusterClient::retry_parked(TimePoint due) {
    const auto now = loop_->now();
    for (auto& [request, retry] : std::exchange(parked_, {})) {
        if (stopped()) {
            finish(std::move(request), Error{Errc::unavailable, "the client was stopped"});
        } else if (request.deadline <= now) {
            const std::string& why = request.last_error.empty() ? problem_ : request.last_error;
            Error error{Errc::unavailable, "the cluster did not execute it in time: " + why};
            finish(std::move(request), std::move(error));
        } else if (retry <= due || retry == TimePoint::max()) {
            route(std::move(request));
        } else {
            park(std::move(request), retry);
        }
    }
}

bool ClusterClient::take_on(Node& node, Request& request, std::string_view error) {
    if (!request.counted || request.redirects >= kMaxRedirects) return false;
    const auto to = parse_redirect(error);
    if (!to && !is_passing(error)) return false;
    ++request.redirects;
    request.last_error = error;
    if (to) return redirect(node, request, *to);
    ++stats_.redirected;
    park(std::move(request), loop_->now() + retry_delay(request.redirects));
    refresh_soon();
    return true;
}

bool ClusterClient::redirect(Node& node, Request& request, Redirect redirect) {
    if (redirect.to.host.empty()) {
        const Member* const asked = find(node);
        if (!asked) return false;
        redirect.to.host = asked->address.host;
    }
    Node* const target = node_at(translate_ ? translate_(redirect.to) : redirect.to);
    if (!target) return false;
    ++stats_.redirected;
    request.asking = redirect.ask;
    if (redirect.ask) {
        target->submit(std::move(request));
        return true;
    }
    owners_[redirect.slot] = target;
    find(*target)->has_slots = true;
    refresh_soon();
    if (request.slot == redirect.slot && &node != target) {
        moves_.bounce(node, redirect.slot, std::move(request), node.in_flight(redirect.slot) + 1);  // and this one
    } else {
        target->submit(std::move(request));
    }
    return true;
}

void ClusterClient::settled(Node& node, std::optional<std::uint16_t> slot) { release(node, moves_.settle(node, slot)); }

void ClusterClient::release(const Node& from, std::optional<SlotMoves::Released> released) {
    if (!released) return;
    for (auto& request : released->bounced) route(std::move(request));
    if (Member* const old = find(from); old && !from.up()) {
        for (auto& request : old->node->take_waiting()) route(std::move(request));
    }
    for (auto& request : released->fresh) route(std::move(request));
}

// -- the table of slots ----------------------------------------------------------------------------------------------

void ClusterClient::refresh_soon() {
    if (stopped()) return;
    refresh_at_ = std::min(refresh_at_, std::max(loop_->now(), refreshed_ + kMinRefreshInterval));
    alarm_.set(refresh_at_);
}

void ClusterClient::refresh() {
    refreshed_ = loop_->now();
    refresh_at_ = refreshed_ + kRepairInterval;
    if (refreshing_) return;
    if (Node* const node = any_node_up()) return ask_for_slots(*node);
    for (const auto& seed : seeds_) node_at(seed);  // everything may have moved
}

void ClusterClient::ask_for_slots(Node& node) {
    refreshing_ = true;
    refreshed_ = loop_->now();
    refresh_at_ = refreshed_ + kRepairInterval;
    alarm_.set(refresh_at_);
    const Member* const asked = find(node);
    node.submit({.wire = encode({"CLUSTER", "SLOTS"}),
                 .callback = [this, address = asked ? asked->address
                                                    : Address()](Result<Reply> reply) { take_slots(address, reply); },
                 .deadline = loop_->now() + std::min(connect_times_.connect_timeout, kMaxAnswerTime),
                 .counted = false});
}

void ClusterClient::take_slots(const Address& asked, const Result<Reply>& reply) {
    refreshing_ = false;
    if (stopped()) return;
    auto ranges = reply ? parse_slots(reply.value(), asked.host) : Result<std::vector<SlotRange>>(reply.error());
    if (ranges && translate_) {
        for (auto& range : *ranges) range.master = translate_(range.master);
    }
    if (!ranges) {
        problem_ = fmt::format("{} does not tell the slots of a cluster: {}", to_string(asked), ranges.error().message);
        return judge_health(true);
    }
    assign(*ranges);
    reroute_waiting();
    retire_unused();
    judge_health(!all_owned_);
    if (on_slots_) on_slots_(*ranges);
    retry_parked(loop_->now());
    if (stopped()) return;
    refresh_at_ = loop_->now() + (health() == Health::ready ? refresh_interval_ : kRepairInterval);
    alarm_.set(refresh_at_);
}

void ClusterClient::assign(const std::vector<SlotRange>& ranges) {
    for (auto& member : members_) member.has_slots = false;
    std::fill(owners_.begin(), owners_.end(), nullptr);
    for (const auto& range : ranges) {
        Node* const node = node_at(range.master);
        if (!node) continue;
        find(*node)->has_slots = true;
        std::fill(owners_.begin() + range.first, owners_.begin() + range.last + 1, node);
    }
    const auto nobodys = static_cast<std::size_t>(std::count(owners_.begin(), owners_.end(), nullptr));
    all_owned_ = nobodys == 0;
    if (!all_owned_) problem_ = fmt::format("{} of {} slots have no node", nobodys, kSlots);
}

/// A node that is away may have been replaced: what waits for it goes where the table says.
void ClusterClient::reroute_waiting() {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].node->up()) continue;
        for (auto& request : members_[i].node->take_waiting()) route(std::move(request));
    }
}

/// Nodes without slots go, as soon as nothing is under way there: seeds that were given by other names, replicas,
/// those that left. Not before there is something better.
void ClusterClient::retire_unused() {
    if (!all_owned_) return;
    const auto unused = std::stable_partition(members_.begin(), members_.end(), [](const Member& member) {
        return member.has_slots || !member.node->quiet();
    });
    for (auto member = unused; member != members_.end(); ++member) {
        repeated_ += member->node->repeated();
        auto waiting = member->node->take_waiting();
        member->node->stop();
        for (auto& request : waiting) route(std::move(request));
        loop_->at_turn_end([node = std::move(member->node)] {});  // it may be on the stack
    }
    members_.erase(unused, members_.end());
}

// -- health and time -------------------------------------------------------------------------------------------------

/// @param trouble whether something went wrong: a node that is only just being connected to is no reason to worry
void ClusterClient::judge_health(bool trouble) {
    const auto needed = std::count_if(members_.begin(), members_.end(), [](auto& member) { return member.has_slots; });
    const bool all_up = std::all_of(members_.begin(), members_.end(),
                                    [](auto& member) { return !member.has_slots || member.node->up(); });
    if (all_owned_ && all_up) {
        set_health(Health::ready, fmt::format("connected to {} nodes of the cluster", needed));
    } else if (trouble) {
        set_health(Health::away, problem_);
    }
}

void ClusterClient::on_alarm() {
    const auto now = loop_->now();
    if (refresh_at_ <= now) refresh();
    retry_parked(now);
    if (stopped()) return;
    alarm_.set(refresh_at_);
}

std::shared_ptr<ClientCore> make_cluster_client(LoopPtr loop, const Options& options,
                                                std::shared_ptr<const TlsContext> tls) {
    return std::make_shared<ClusterClient>(std::move(loop), options, std::move(tls));
}

}  // namespace cryo::redis
