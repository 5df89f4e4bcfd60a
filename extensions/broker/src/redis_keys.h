#pragma once

#include <string>

/// dSock's keys and channels in Redis.
namespace cryo::broker::keys {

inline constexpr char kMissedMessage = 'm', kMissedAction = 'a';

inline std::string connection(const std::string& id) { return "conn:" + id; }
inline std::string worker(const std::string& id) { return "worker:" + id; }
inline std::string user(const std::string& user) { return "user:" + user; }
inline std::string session(const std::string& user, const std::string& session) {
    return "user-session:" + user + '-' + session;
}
inline std::string channel(const std::string& channel) { return "channel:" + channel; }

inline std::string messages_of(const std::string& worker) { return worker; }
inline std::string actions_of(const std::string& worker) { return worker + ":channel"; }

/// Not dSock's: a list of the changes that a worker did not hear of.
inline std::string missed_by(const std::string& worker) { return "missed:" + worker; }
inline std::string missed_entry(bool is_action, const std::string& payload) {
    return (is_action ? kMissedAction : kMissedMessage) + payload;
}

// Fields of `conn:` and `worker:`.
inline constexpr const char* kUser = "user";
inline constexpr const char* kWorker = "workerId";
inline constexpr const char* kSession = "session";
inline constexpr const char* kChannels = "channels";
inline constexpr const char* kLastPing = "lastPing";
inline constexpr const char* kAddress = "ip";
/// Not dSock's: the worker confirms what it is sent.
inline constexpr const char* kConfirms = "confirms";

}  // namespace cryo::broker::keys
