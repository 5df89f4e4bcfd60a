#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <cryo/broker/target.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo::broker {

/// One connection of any worker, as `/info` tells of it.
struct ConnectionInfo {
    std::string id{};
    std::string worker{};
    std::chrono::sys_seconds last_ping{};
    std::string user{};
    std::string session{};
    std::vector<std::string> channels{};

    bool operator==(const ConnectionInfo&) const = default;
};

/// A worker, and how it can be reached.
struct WorkerRoute {
    std::string id{};
    std::string address{};  ///< `host:port` where it takes messages by HTTP; empty: it does not.
    bool confirms = false;  ///< It says when a message took effect: not one of dSock's.

    bool operator==(const WorkerRoute&) const = default;
};

/// Who is connected where.
///
/// Thread safety: called on the broker's home loop, where it answers too, possibly from within the call.
/// Errors: `system`, when it cannot be asked.
class IDirectory {
public:
    template <class T>
    using Done = UniqueFunction<void(Result<T>)>;

    virtual ~IDirectory() = default;

    /// The workers that have connections of the target.
    virtual void find(Target target, Done<std::vector<WorkerRoute>> done) = 0;

    /// The connections of the target, by the first that it names: `id`, `user` (and session), `channel` (alone).
    virtual void list(Target target, Done<std::vector<ConnectionInfo>> done) = 0;
};

}  // namespace cryo::broker
