#include <mutex>
#include <utility>

#include <fmt/core.h>
#include <openssl/crypto.h>

#include <cryo/auth/claim_store.h>
#include <cryo/auth/jwt.h>
#include <cryo/auth/redis_claim_store.h>
#include <cryo/broker/broker.h>
#include <cryo/session_id.h>

#include "admission.h"
#include "api.h"
#include "counters.h"
#include "direct_messenger.h"
#include "direct_routes.h"
#include "local_address.h"
#include "log.h"
#include "memory_directory.h"
#include "parameters.h"
#include "redis_side.h"
#include "routes.h"
#include "webhook.h"
#include "worker.h"

namespace cryo::broker {
namespace {

constexpr std::size_t kSafeSecretBytes = 32;  // RFC 7518 3.2

using auth::JwtAlgorithm;
using auth::JwtKey;
using auth::JwtPolicy;
using auth::JwtVerifier;

/// dSock checks little of a token; what its documentation promises is the rule here, unless asked to be lenient.
Result<std::shared_ptr<JwtVerifier>> make_verifier(const BrokerOptions& options) {
    if (options.jwt_secret.empty()) return std::shared_ptr<JwtVerifier>();
    JwtPolicy policy{.algorithms = {JwtAlgorithm::hs256, JwtAlgorithm::hs384, JwtAlgorithm::hs512},
                     .leeway = std::chrono::seconds{0},
                     .reading = auth::JwtReading::jwt_go};
    policy.require_end = !options.jwt_lenient;
    if (!options.jwt_lenient) {
        policy.required = {"sub"};
        policy.lifetime_without_exp = std::chrono::seconds{60};
    }
    auto key = JwtKey::secret(options.jwt_secret, {}, 1);
    if (!key) return std::move(key).error();
    return JwtVerifier::create(std::move(policy), {std::move(*key)});
}

/// Options whose secrets are wiped when the last one who needs them has gone.
std::shared_ptr<const BrokerOptions> keep(BrokerOptions options) {
    return {new BrokerOptions(std::move(options)), [](BrokerOptions* kept) {
                const std::unique_ptr<BrokerOptions> owner(kept);
                for (auto* secret : {&kept->token, &kept->jwt_secret, &kept->direct.secret, &kept->webhook.secret}) {
                    OPENSSL_cleanse(secret->data(), secret->size());
                }
            }};
}

/// Of a connection: those of a claim, and the ones that every connection has.
std::size_t max_channels(const BrokerOptions& options) noexcept {
    return options.max_claim_channels + options.default_channels.size();
}

class BrokerImpl final : public Broker, public std::enable_shared_from_this<BrokerImpl> {
public:
    BrokerImpl(BrokerOptions options, std::shared_ptr<hub::Hub> hub, bool owns_hub,
               std::shared_ptr<JwtVerifier> verifier)
        : shared_options_(keep(std::move(options))),
          hub_(std::move(hub)),
          owns_hub_(owns_hub),
          verifier_(std::move(verifier)) {}

    Result<> install(Server& server) override;
    std::string worker_id() const override;
    BrokerStats stats() const override;

    Result<> on_register(Server& server) override;
    Result<> on_start(Server& server) override;
    void on_stop(Server&, StopHold hold) override;
    void on_unregister(Server&) noexcept override;

private:
    bool is_api() const noexcept { return options_.role != Role::worker; }
    bool is_worker() const noexcept { return options_.role != Role::api; }
    bool is_direct() const noexcept { return options_.messaging == Messaging::direct; }

    Result<> mount_clients(Server& server, Routes& routes);
    Result<> start_redis(Server& server);
    void start_worker(Server& server);
    void start_api();
    auth::ClaimStoreOptions claim_options() const;
    std::string direct_address(const Server& server) const;
    std::shared_ptr<IMessenger> make_messenger() const;
    std::function<void(const ClientMessage&)> message_handler() const;

    const std::shared_ptr<const BrokerOptions> shared_options_;
    const BrokerOptions& options_ = *shared_options_;
    const std::shared_ptr<hub::Hub> hub_;
    const bool owns_hub_;
    const std::shared_ptr<JwtVerifier> verifier_;
    const std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
    const std::shared_ptr<Api> api_ = std::make_shared<Api>(shared_options_, counters_);
    const std::shared_ptr<Admission> admission_ = std::make_shared<Admission>(shared_options_, counters_);
    const std::shared_ptr<DirectRoutes> direct_ = std::make_shared<DirectRoutes>(shared_options_, counters_);
    bool installing_ = false;

    mutable std::mutex id_mutex_;
    std::string process_{};

    LoopPtr home_{};
    std::shared_ptr<auth::IClaimStore> claims_{};
    std::shared_ptr<RedisSide> redis_{};
    std::shared_ptr<Worker> worker_{};
};

Result<> BrokerImpl::install(Server& server) {
    if (owns_hub_) {
        if (auto registered = server.register_extension(hub_); !registered) return registered;
    }
    installing_ = true;
    auto registered = server.register_extension(shared_from_this());
    installing_ = false;
    return registered;
}

std::string BrokerImpl::worker_id() const {
    const std::lock_guard lock(id_mutex_);
    return is_worker() ? process_ : std::string();
}

BrokerStats BrokerImpl::stats() const {
    const auto& counted = *counters_;
    return {.connections = counted.connections,
            .admitted = counted.admitted,
            .refused = counted.refused,
            .requests = counted.requests,
            .unauthorized = counted.unauthorized,
            .failed_requests = counted.failed_requests,
            .received_parcels = counted.received_parcels,
            .refused_parcels = counted.refused_parcels,
            .client_messages = counted.client_messages,
            .webhook_delivered = counted.webhook_delivered,
            .webhook_dropped = counted.webhook_dropped,
            .redis_ready = counted.redis_ready};
}

// -- before the start ------------------------------------------------------------------------------------------------

Result<> BrokerImpl::on_register(Server& server) {
    if (!installing_) return Error{Errc::wrong_state, "a broker is registered by its install()"};
    Routes routes(server, options_.prefix);
    routes.add("*", "/ping", [](const HttpRequest& request, HttpReply reply) {
        auto answer = pong();
        if (auto id = make_request_id(request); !id.empty()) answer.headers.push_back({"X-Request-Id", std::move(id)});
        reply.send(std::move(answer));
    });
    if (is_worker()) {
        if (auto mounted = mount_clients(server, routes); !mounted) return mounted;
        if (is_direct()) direct_->mount(routes);
    }
    if (is_api()) {
        api_->mount(routes);
    } else {
        routes.fall_back_to([](const HttpRequest&, HttpReply reply) { reply.send(page_not_found()); });
    }
    return routes.finish();
}

Result<> BrokerImpl::mount_clients(Server& server, Routes& routes) {
    WebSocketHandlers handlers;
    handlers.admit = [admission = admission_](const HttpRequest& request, UpgradeReply reply) {
        admission->admit(request, std::move(reply));
    };
    handlers.open = Worker::on_open;
    handlers.text = [](Connection& connection, std::string_view text) {
        Worker::on_message(connection, MessageKind::text, as_bytes(text));
    };
    handlers.binary = [](Connection& connection, Bytes data) {
        Worker::on_message(connection, MessageKind::binary, data);
    };
    handlers.pong = Worker::on_pong;
    handlers.stop_code = 1000;
    handlers.closed = [](Connection& connection, const CloseEvent&) { Worker::on_closed(connection); };
    auto endpoint = server.websocket(routes.path("/connect"), std::move(handlers));
    if (!endpoint) return std::move(endpoint).error();
    routes.add("GET", "/connect", [admission = admission_](const HttpRequest& request, HttpReply reply) {
        admission->probe(request, std::move(reply));
    });
    return {};
}

// -- start and stop --------------------------------------------------------------------------------------------------

Result<> BrokerImpl::on_start(Server& server) {
    home_ = server.loops().front();
    {
        const std::lock_guard lock(id_mutex_);
        process_ = SessionId::random().to_string();
    }
    if (options_.redis) {
        if (auto started = start_redis(server); !started) return started;
    } else {
        claims_ = auth::make_memory_claim_store(claim_options());
    }
    if (is_worker()) start_worker(server);
    if (is_api()) start_api();
    return {};
}

auth::ClaimStoreOptions BrokerImpl::claim_options() const {
    return {.limits = {.max_topics = options_.max_claim_channels, .max_field_bytes = kMaxFieldBytes}};
}

void BrokerImpl::start_api() {
    std::shared_ptr<IDirectory> directory;
    if (redis_) {
        directory = redis_->directory();
    } else {
        directory = std::make_shared<MemoryDirectory>(worker_);
    }
    auto dispatcher = std::make_shared<Dispatcher>(worker_, make_messenger());
    api_->use(std::make_shared<Api::Parts>(Api::Parts{home_, claims_, std::move(directory), std::move(dispatcher)}));
    if (options_.token.empty()) {
        log(options_.logger, LogLevel::warning, "no token: whoever reaches this port may send to everybody");
    }
}

/// Null: there are no other processes.
std::shared_ptr<IMessenger> BrokerImpl::make_messenger() const {
    if (!redis_) return nullptr;
    if (!is_direct()) return redis_->messenger();
    return std::make_shared<DirectMessenger>(home_, shared_options_);
}

/// Where other processes reach this worker by HTTP. They add the path.
std::string BrokerImpl::direct_address(const Server& server) const {
    if (!is_direct() || !is_worker()) return {};
    const auto& direct = options_.direct;
    const auto host = direct.hostname.empty() ? first_ipv4_address() : direct.hostname;
    return fmt::format("{}:{}{}", host, direct.port != 0 ? direct.port : server.port(), options_.prefix);
}

std::function<void(const ClientMessage&)> BrokerImpl::message_handler() const {
    if (options_.webhook.url.empty()) return options_.on_message;
    auto webhook = std::make_shared<Webhook>(shared_options_, counters_);
    return [webhook, on_message = options_.on_message](const ClientMessage& message) {
        webhook->forward(message);
        if (on_message) on_message(message);
    };
}

Result<> BrokerImpl::start_redis(Server& server) {
    auto side = RedisSide::create(
        home_,
        {.options = options_, .process = process_, .worker_address = direct_address(server), .counters = counters_});
    if (!side) return std::move(side).error();
    redis_ = std::move(*side);
    claims_ = auth::make_redis_claim_store(redis_->client(), claim_options());
    return {};
}

void BrokerImpl::start_worker(Server& server) {
    auto roster = std::make_shared<Roster>();
    std::shared_ptr<IRegistrar> registrar;
    if (redis_) {
        registrar = redis_->registrar_of(roster);
    } else {
        registrar = std::make_shared<NoRegistrar>();
    }
    worker_ = std::make_shared<Worker>(Worker::Parts{.id = process_,
                                                     .home = home_,
                                                     .hub = hub_,
                                                     .roster = std::move(roster),
                                                     .registrar = std::move(registrar),
                                                     .on_message = message_handler(),
                                                     .max_channels = max_channels(options_),
                                                     .counters = counters_,
                                                     .logger = options_.logger});
    admission_->use(std::make_shared<Admission::Parts>(Admission::Parts{server.loops(), claims_, verifier_, worker_}));
    direct_->use(worker_);
    if (redis_) redis_->serve(worker_);
    log(options_.logger, LogLevel::info, fmt::format("worker id={}", process_));
    if (!options_.jwt_secret.empty() && options_.jwt_secret.size() < kSafeSecretBytes) {
        log(options_.logger, LogLevel::warning, "jwt_secret is short: whoever has a JWT may guess it; take 32 bytes");
    }
}

/// Whether the server ends or goes on without the broker: its clients are closed, and what Redis has of them and of the
/// worker is deleted.
void BrokerImpl::on_stop(Server&, StopHold hold) {
    if (!worker_) return;
    run_on(*home_, [self = shared_from_this(), hold = std::move(hold)]() mutable {
        self->worker_->close_all();
        self->worker_->when_empty([self, hold = std::move(hold)]() mutable {
            if (!self->redis_) return;
            self->redis_->stop([hold = std::move(hold)]() mutable { hold.release(); });
        });
    });
}

void BrokerImpl::on_unregister(Server&) noexcept {
    api_->use({});
    admission_->use({});
    direct_->use({});
    if (!home_) return;
    // On its loop, while that runs.
    home_->post([redis = std::move(redis_), worker = std::move(worker_), claims = std::move(claims_)] {
        if (redis) redis->stop([] {});
    });
}

}  // namespace

Result<std::shared_ptr<Broker>> Broker::create(BrokerOptions options, std::shared_ptr<hub::Hub> hub) {
    if (auto valid = options.validate(); !valid) return std::move(valid).error();
    auto verifier = make_verifier(options);
    if (!verifier) return Error{Errc::invalid_option, "jwt_secret: " + verifier.error().message};
    const bool owns_hub = !hub;
    if (owns_hub) {
        auto created = hub::Hub::create({.max_topic_bytes = kMaxFieldBytes,
                                         .max_id_bytes = kMaxFieldBytes,
                                         .max_topics_per_subscriber = max_channels(options)});
        if (!created) return std::move(created).error();
        hub = std::move(*created);
    }
    return std::shared_ptr<Broker>(
        std::make_shared<BrokerImpl>(std::move(options), std::move(hub), owns_hub, std::move(*verifier)));
}

}  // namespace cryo::broker
