#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/client.h>

#include "coalescer.h"
#include "directory.h"

namespace cryo::broker {

/// Reads from Redis, under dSock's keys, who is connected where. Ids in sets that have no hash are taken out.
///
/// What never changes of a connection (its worker, user and session) is remembered for 10 to 20 seconds, so that a
/// message to a large channel does not ask for each member anew. Those who look for the same target at the same time
/// share a search.
class RedisDirectory final : public IDirectory {
public:
    /// @param client when it is stopped, nothing is looked for any more
    explicit RedisDirectory(std::shared_ptr<redis::Client> client);
    ~RedisDirectory() override;

    void find(Target target, Done<std::vector<WorkerRoute>> done) override;
    void list(Target target, Done<std::vector<ConnectionInfo>> done) override;

private:
    struct Place {
        std::string worker, user, session;
    };
    struct Search;
    using SearchPtr = std::shared_ptr<Search>;
    struct Listing;
    struct Routes;

    bool stopped() const noexcept { return client_->health() == redis::Health::stopped; }
    void search(const Target& target, Done<std::vector<WorkerRoute>> done);
    void members_of(const std::string& key, Done<std::vector<std::string>> done);
    void place_some(const SearchPtr& search);
    void place(const std::string& id, const SearchPtr& search);
    void finish(Search& search);
    void route(std::vector<std::string> workers, Done<std::vector<WorkerRoute>> done);
    void describe_some(const std::shared_ptr<Listing>& listing);
    void take_out(const std::string& set, std::vector<std::string> ids);
    void put_back_if_there(const std::string& set, const std::string& id);

    const Place* known(const std::string& id) const;
    void remember(const std::string& id, Place place);
    void forget_old();

    const std::shared_ptr<redis::Client> client_;
    Coalescer<Target, std::vector<WorkerRoute>> searches_;
    std::unordered_map<std::string, Place> places_{}, older_places_{};
    std::unordered_map<std::string, WorkerRoute> workers_{};
    std::unique_ptr<LoopTimer> timer_;
};

}  // namespace cryo::broker
