#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

#include "support/redis_server.h"

namespace cryo::test {

/// What a worker of dSock does in Redis: it is registered, and listens to its channel.
class DsockWorker {
public:
    /// @param fields more of its `worker:` hash
    DsockWorker(RedisServer& redis, std::string id, std::vector<std::string> fields = {}) : id_(std::move(id)) {
        std::vector<std::string> words{"HSET", "worker:" + id_, "lastPing", "2026-01-01T00:00:00Z"};
        words.insert(words.end(), fields.begin(), fields.end());
        redis.command(words);
        connection_.reset(redisConnect("127.0.0.1", redis.port()));
        redisSetTimeout(connection_.get(), {.tv_sec = 10, .tv_usec = 0});
        for (const auto& channel : {id_, id_ + ":channel"}) {
            freeReplyObject(redisCommand(connection_.get(), "SUBSCRIBE %s", channel.c_str()));
        }
    }

    /// Has a connection of a user.
    void register_connection(RedisServer& redis, const std::string& connection, const std::string& user) const {
        redis.command({"HSET", "conn:" + connection, "user", user, "workerId", id_, "lastPing",
                       "2026-01-01T00:00:00+01:00", "channels", ""});
        redis.command({"SADD", "user:" + user, connection});
    }

    /// The next payload that comes.
    std::optional<std::string> next() {
        void* reply = nullptr;
        if (redisGetReply(connection_.get(), &reply) != REDIS_OK) return std::nullopt;
        const std::unique_ptr<redisReply, decltype(&freeReplyObject)> owner(static_cast<redisReply*>(reply),
                                                                            freeReplyObject);
        if (owner->elements != 3) return std::nullopt;
        return std::string(owner->element[2]->str, owner->element[2]->len);
    }

private:
    std::string id_;
    std::unique_ptr<redisContext, decltype(&redisFree)> connection_{nullptr, redisFree};
};

}  // namespace cryo::test
