#pragma once

#include <memory>
#include <string>
#include <vector>

#include <cryo/auth/claim_store.h>
#include <cryo/auth/jwt.h>
#include <cryo/broker/options.h>
#include <cryo/connection.h>
#include <cryo/http.h>
#include <cryo/loop.h>

#include "answers.h"
#include "slot.h"
#include "worker.h"

namespace cryo::broker {

/// Lets clients in that present a claim or a JWT.
///
/// A claim is redeemed last, after the connection was registered: whoever deletes or changes claims, and then looks for
/// connections, meets one or the other.
///
/// Thread safety: any loop.
class Admission : public std::enable_shared_from_this<Admission> {
public:
    struct Parts {
        std::vector<LoopPtr> loops{};
        std::shared_ptr<auth::IClaimStore> claims{};
        std::shared_ptr<const auth::JwtVerifier> verifier{};  ///< Null: no JWT is accepted.
        std::shared_ptr<Worker> worker{};
    };

    Admission(std::shared_ptr<const BrokerOptions> options, std::shared_ptr<Counters> counters)
        : options_(std::move(options)), counters_(std::move(counters)) {}

    /// Null: the broker does not run.
    void use(std::shared_ptr<const Parts> parts) { parts_.set(std::move(parts)); }

    /// An upgrade.
    void admit(const HttpRequest& request, UpgradeReply reply);
    /// The same path without an upgrade: what is wrong with the credentials, else that an upgrade is missing. Redeems
    /// nothing.
    void probe(const HttpRequest& request, HttpReply reply);

private:
    struct Identity {
        std::string user{};
        std::string session{};
        std::vector<std::string> channels{};
    };

    /// One client at the door.
    struct Entry {
        UpgradeReply reply;
        std::shared_ptr<Counters> counters{};
        std::shared_ptr<const Parts> parts{};
        LoopPtr loop{};
        std::string request_id{};
        std::string claim_id{};  ///< Empty: came with a JWT.
        std::vector<std::string> channels{};
        Worker::SeatPtr seat{};

        void refuse(HttpResponse response);
    };
    using EntryPtr = std::shared_ptr<Entry>;

    Result<Identity> identity_of_jwt(const Parts& parts, const std::string& token) const;
    std::vector<std::string> with_defaults(std::vector<std::string> channels) const;

    void register_client(const EntryPtr& entry, Identity identity);
    void redeem(const EntryPtr& entry);

    const std::shared_ptr<const BrokerOptions> options_;
    const std::shared_ptr<Counters> counters_;
    Slot<Parts> parts_{};
};

}  // namespace cryo::broker
