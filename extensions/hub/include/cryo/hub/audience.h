#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cryo::hub {

/// Names some of a hub's subscribers. A value type.
struct Target {
    enum class Kind {
        everybody,
        topic,       ///< The subscribers of the topic `name`.
        user,        ///< Those of the user `name`.
        connection,  ///< The one with the connection id `name`.
    };

    Kind kind = Kind::everybody;
    std::string name{};          ///< Of the topic, user or connection; nothing has an empty name.
    std::string only_session{};  ///< Not empty: of these only the ones with that session.

    bool operator==(const Target&) const = default;

    static Target everybody() { return {}; }
    static Target topic(std::string name) { return {Kind::topic, std::move(name), {}}; }
    static Target user(std::string id) { return {Kind::user, std::move(id), {}}; }
    /// One session of a user: a device, a browser, a log-in.
    static Target session(std::string user, std::string session) {
        return {Kind::user, std::move(user), std::move(session)};
    }
    static Target connection(std::string id) { return {Kind::connection, std::move(id), {}}; }
};

/// Whom an operation is for: every subscriber that one of `to` names and none of `except`, each once. A value type.
///
/// One topic without `only_session`, and nothing but connections in `except`, is the fast case: the topic's plain
/// connections are then not looked at one by one.
/// @code
///   hub->publish(Target::topic("lobby"), message);
///   hub->publish(Audience(Target::topic("lobby")).but(Target::connection(sender)), message);
///   hub->publish(Audience{{Target::topic("red"), Target::topic("blue")}, {}}, message);
/// @endcode
struct Audience {
    std::vector<Target> to{};
    std::vector<Target> except{};

    Audience() = default;
    Audience(Target target) { to.push_back(std::move(target)); }
    Audience(std::vector<Target> targets, std::vector<Target> left_out)
        : to(std::move(targets)), except(std::move(left_out)) {}

    /// The same without these.
    Audience but(Target target) && {
        except.push_back(std::move(target));
        return std::move(*this);
    }

    bool operator==(const Audience&) const = default;
};

}  // namespace cryo::hub
