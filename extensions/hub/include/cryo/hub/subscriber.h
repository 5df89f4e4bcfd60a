#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/hub/receiver.h>
#include <cryo/result.h>
#include <cryo/session.h>
#include <cryo/unique_function.h>

namespace cryo::hub {

/// Who a subscriber is, and what it is subscribed to from the beginning.
struct Attachment {
    std::string id{};       ///< Its connection id, unique in the cluster. Empty: 128 random bits, as 32 hex digits.
    std::string user{};     ///< Empty: none.
    std::string session{};  ///< Which session of that user. Empty: none.
    std::vector<std::string> topics{};        ///< Repeated ones count once.
    std::shared_ptr<const IWireForm> form{};  ///< Null: publications as they were published.
};

/// What `Hub::list` tells of a subscriber. A value type.
struct SubscriberInfo {
    std::string id{}, user{}, session{};
    std::vector<std::string> topics{};                                  ///< In the order of subscribing.
    std::string remote_address{};                                       ///< Empty until it has a receiver.
    std::chrono::system_clock::time_point since{};                      ///< When it was attached or reserved.
    std::optional<std::chrono::system_clock::time_point> last_heard{};  ///< When its peer last sent anything, a pong.

    bool operator==(const SubscriberInfo&) const = default;
};

/// One receiver's place in a hub: its ids, its topics.
///
/// Thread safety: methods marked "any thread" may be called from everywhere, the others on the loop it was attached on,
/// also from within callbacks that a publication leads to.
/// Lifetime: it stays attached while its receiver is open and somebody keeps a `SubscriberPtr`: the slot of the
/// connection (`user_data`) or session (`set`) is the place for it. The hub keeps neither the subscriber nor its
/// receiver alive. After it was detached, or the hub unregistered, calls change nothing and answer `wrong_state` or
/// false.
/// @code
///   handlers.open = [hub](cryo::Connection& connection) {
///       auto subscriber = hub->attach(connection, {.user = "ada", .topics = {"lobby"}});
///       if (!subscriber) return connection.close(1013, subscriber.error().message);
///       connection.user_data() = std::move(*subscriber);
///   };
/// @endcode
class CRYO_API Subscriber {
public:
    virtual ~Subscriber() = default;

    virtual const std::string& id() const noexcept = 0;  ///< The connection id. Any thread.
    virtual bool attached() const noexcept = 0;          ///< Any thread.

    /// The end: it gets nothing any more, and its connection id is free again. Does not close the receiver. At once on
    /// its loop, from other threads soon. Any thread.
    virtual void detach() = 0;

    /// Gives a reserved subscriber its receiver, which must be of this loop.
    /// Errors: `wrong_state` when it has one, was detached, or the receiver is closing.
    virtual Result<> bind(Connection& connection) = 0;
    virtual Result<> bind(Session& session) = 0;
    virtual Result<> bind(const std::shared_ptr<IReceiver>& receiver) = 0;

    /// From now on it gets what is published to the topic on this loop; elsewhere, see `settle`.
    /// @return false when it was subscribed already
    /// Errors: `invalid_argument` for an empty or too long name, or one beyond the limits on topics.
    virtual Result<bool> subscribe(std::string_view topic) = 0;
    /// It gets nothing that is published to the topic after this returns.
    /// @return false when it was not subscribed
    virtual bool unsubscribe(std::string_view topic) = 0;
    virtual bool subscribed(std::string_view topic) const = 0;
    virtual std::vector<std::string> topics() const = 0;  ///< In the order of subscribing.

    virtual std::string_view user() const noexcept = 0;
    virtual std::string_view session() const noexcept = 0;
    /// Makes it one of another user, as after a log-in; empty: of none.
    virtual Result<> identify(std::string_view user, std::string_view session = {}) = 0;

    /// Calls back once all of this is in effect in the whole cluster: what anybody publishes after that arrives.
    /// Without a relay that is at once, from within. On any thread.
    virtual void settle(UniqueFunction<void()> done) = 0;
};

using SubscriberPtr = std::shared_ptr<Subscriber>;

}  // namespace cryo::hub
