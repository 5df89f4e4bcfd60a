#include "settings.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "duration.h"
#include "text.h"

namespace cryo::broker {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::size_t kMaxAddresses = 32;
constexpr std::size_t kMaxPendingCommands = 100'000;  // a crowd of clients that connects or leaves costs ten each

constexpr ConfigOption kOptions[] = {
    {"role", "ROLE", "api, worker, or both (default: both)"},
    {"host", "ADDRESS", "address to listen on (default: every one; the loopback's when the API is open)"},
    {"port", "N", "port to listen on, 0: any free one (default: 6241)"},
    {"address", "HOST:PORT", "both, in one; wins over port"},
    {"prefix", "PATH", "in front of every path (default: none)"},
    {"threads", "N", "event loops, 0: one a core (default: 1)"},
    {"token", "TOKEN", "what callers of the API must present", true},
    {"allow_open_api", "BOOL", "let everybody use the API when there is no token (default: false)"},
    {"jwt_secret", "SECRET", "key of clients' JWTs (HS256, HS384, HS512); none: claims only", true},
    {"jwt_lenient", "BOOL", "accept JWTs without sub, and such as never expire (default: false)"},
    {"default_channels", "LIST", "channels of every connection, separated by commas"},
    {"redis_host", "HOST:PORT",
     "Redis (default: none with role both: in memory; else localhost:6379); several, "
     "separated by commas, are Sentinels or nodes of a cluster"},
    {"redis_mode", "MODE", "single, sentinel, or cluster (default: single)"},
    {"redis_master", "NAME", "of the replica set, with sentinel (default: mymaster)"},
    {"redis_user", "NAME", "user of Redis' access control list"},
    {"redis_password", "PASSWORD", "of Redis", true},
    {"redis_db", "N", "database (default: 0)"},
    {"redis_tls", "BOOL", "use TLS towards Redis (default: false)"},
    {"redis_ca_file", "FILE", "authorities for redis_tls (default: the system's)"},
    {"redis_max_retries", "N", "no effect: a command has three seconds"},
    {"messaging_method", "METHOD", "redis or direct: how the API reaches workers (default: redis)"},
    {"direct_message_hostname", "HOST", "where APIs reach this worker (default: first IPv4 address of this machine)"},
    {"direct_message_port", "N", "and at which port (default: the one that it listens on)"},
    {"direct_message_secret", "SECRET", "what API and workers show each other with direct", true},
    {"direct_message_open", "BOOL", "take direct messages from those that show no secret (default: false)"},
    {"ttl_duration", "DURATION", "how often registrations in Redis are renewed, like 90s or 1m30s (default: 60s)"},
    {"ping_interval", "DURATION", "between pings; an unanswered one ends the connection (default: 30s)"},
    {"max_message_bytes", "N", "largest message to and from clients (default: 16777216)"},
    {"compression", "BOOL", "offer permessage-deflate (default: false)"},
    {"webhook_url", "URL", "where messages of clients are posted to (default: they are discarded)"},
    {"webhook_secret", "SECRET", "key of the signatures of these posts", true},
    {"log_requests", "BOOL", "log each request to the API, without its query (default: false)"},
    {"debug", "BOOL", "log more (default: false)"},
};

std::optional<bool> parse_bool(const std::string& text) {
    for (const auto* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (text == yes) return true;
    }
    for (const auto* no : {"0", "f", "F", "FALSE", "false", "False"}) {
        if (text == no) return false;
    }
    return std::nullopt;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const auto* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_milliseconds(const std::string& text) {
    const auto duration = parse_duration(text);
    if (!duration) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
}

/// `host`, `host:port`, `:port`, `[::1]:port`.
std::optional<redis::Address> parse_address(std::string_view text, std::uint16_t default_port) {
    redis::Address address{.port = default_port};
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == text.npos) return std::nullopt;
        address.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
        if (!port.empty() && port.front() != ':') return std::nullopt;
    } else {
        const auto colon = std::min(text.rfind(':'), text.size());
        address.host = text.substr(0, colon);
        port = text.substr(colon);
        if (address.host.find(':') != address.host.npos) return std::nullopt;
    }
    if (!port.empty()) {
        const auto number = parse_number<std::uint16_t>(port.substr(1));
        if (!number) return std::nullopt;
        address.port = *number;
    }
    return address;
}

std::optional<std::vector<redis::Address>> parse_addresses(const std::string& text) {
    std::vector<redis::Address> addresses;
    for (const auto& part : split_list(text)) {
        auto address = parse_address(trim(part), kRedisPort);
        if (!address || address->host.empty() || addresses.size() == kMaxAddresses) return std::nullopt;
        addresses.push_back(std::move(*address));
    }
    return addresses.empty() ? std::nullopt : std::optional(std::move(addresses));
}

/// Not secrets, nor what may have a password in front of a host.
bool may_be_shown(std::string_view key, std::string_view value) {
    const auto* option = std::ranges::find(kOptions, key, &ConfigOption::key);
    return option != std::end(kOptions) && !option->is_secret && value.find('@') == value.npos;
}

/// Reads settings one by one, and collects what is wrong with them.
class Reader {
public:
    explicit Reader(const Settings& settings) : settings_(settings) {}

    const Setting* find(std::string_view key) const {
        const auto found = settings_.find(std::string(key));
        return found == settings_.end() || found->second.value.empty() ? nullptr : &found->second;
    }

    void text(std::string_view key, std::string& target) const {
        if (const auto* setting = find(key)) target = setting->value;
    }

    /// `parse` makes a value of the text, or nothing.
    template <class Target, class Parse>
    void read(std::string_view key, std::string_view expected, Target& target, Parse&& parse) {
        const auto* setting = find(key);
        if (!setting) return;
        if (auto value = parse(setting->value)) {
            target = std::move(*value);
        } else {
            wrong(key, *setting, expected);
        }
    }

    void flag(std::string_view key, bool& target) { read(key, "true or false", target, parse_bool); }

    template <class Number>
    void number(std::string_view key, Number& target) {
        const auto expected = fmt::format("a whole number from {} to {}", std::numeric_limits<Number>::min(),
                                          std::numeric_limits<Number>::max());
        read(key, expected, target, parse_number<Number>);
    }

    void duration(std::string_view key, std::chrono::milliseconds& target) {
        read(key, "a duration with units, like 90s, 1m30s or 500ms", target, parse_milliseconds);
    }

    void wrong(std::string_view key, const Setting& setting, std::string_view expected) {
        if (!problems_.empty()) problems_ += '\n';
        const auto value = may_be_shown(key, setting.value) ? fmt::format("\"{}\"", setting.value) : "what it is";
        problems_ += fmt::format("{}: {} cannot be {}, it must be {}", setting.origin, key, value, expected);
    }

    Result<> result() && {
        if (problems_.empty()) return {};
        return Error{Errc::invalid_option, std::move(problems_)};
    }

private:
    const Settings& settings_;
    std::string problems_{};
};

std::optional<Role> parse_role(const std::string& text) {
    if (text == "api") return Role::api;
    if (text == "worker") return Role::worker;
    if (text == "both") return Role::both;
    return std::nullopt;
}

std::optional<Messaging> parse_messaging(const std::string& text) {
    if (text == "redis") return Messaging::redis;
    if (text == "direct") return Messaging::direct;
    return std::nullopt;
}

void read_listener(Reader& reader, Config& config) {
    reader.text("host", config.host);
    reader.number("port", config.port);
    const auto* address = reader.find("address");
    if (!address) return;
    const auto parsed = parse_address(address->value, config.port);
    if (!parsed) return reader.wrong("address", *address, "host:port");
    config.warnings.push_back(fmt::format("{}: address is old: use host and port", address->origin));
    if (!parsed->host.empty()) config.host = parsed->host;
    config.port = parsed->port;
}

enum class RedisMode { single, sentinel, cluster };

std::optional<RedisMode> parse_redis_mode(const std::string& text) {
    if (text == "single") return RedisMode::single;
    if (text == "sentinel") return RedisMode::sentinel;
    if (text == "cluster") return RedisMode::cluster;
    return std::nullopt;
}

void read_redis(Reader& reader, Config& config) {
    std::vector<redis::Address> addresses;
    reader.read("redis_host", "host:port, or several separated by commas", addresses, parse_addresses);
    auto mode = RedisMode::single;
    reader.read("redis_mode", "single, sentinel or cluster", mode, parse_redis_mode);
    if (const auto* retries = reader.find("redis_max_retries")) {
        config.warnings.push_back(fmt::format("{}: redis_max_retries has no effect", retries->origin));
    }
    if (addresses.empty()) {
        if (config.broker.role == Role::both && mode == RedisMode::single) return;
        addresses.push_back({"localhost", kRedisPort});
    }
    auto& redis = config.broker.redis.emplace();
    redis.max_pending_commands = kMaxPendingCommands;
    std::string master = "mymaster";
    reader.text("redis_master", master);
    if (mode == RedisMode::cluster) {
        redis.cluster.emplace().seeds = std::move(addresses);
    } else if (mode == RedisMode::sentinel) {
        redis.sentinel.emplace().addresses = std::move(addresses);
        redis.sentinel->master_name = master;
    } else {
        redis.address = std::move(addresses.front());
        const auto* given = reader.find("redis_host");
        if (addresses.size() > 1) reader.wrong("redis_host", *given, "one host:port with redis_mode single");
    }
    reader.text("redis_user", redis.credentials.username);
    reader.text("redis_password", redis.credentials.password);
    reader.number("redis_db", redis.database);
    bool tls = false;
    reader.flag("redis_tls", tls);
    if (tls) reader.text("redis_ca_file", redis.tls.emplace().ca_file);
}

void read_clients(Reader& reader, Config& config) {
    auto& broker = config.broker;
    reader.text("token", broker.token);
    reader.flag("allow_open_api", broker.allow_open_api);
    reader.text("jwt_secret", broker.jwt_secret);
    reader.flag("jwt_lenient", broker.jwt_lenient);
    std::string channels;
    reader.text("default_channels", channels);
    broker.default_channels = split_list(channels);
    reader.duration("ping_interval", config.ping_interval);
    reader.number("max_message_bytes", config.max_message_bytes);
    reader.flag("compression", config.compression);
    reader.text("webhook_url", broker.webhook.url);
    reader.text("webhook_secret", broker.webhook.secret);
}

void read_messaging(Reader& reader, BrokerOptions& broker) {
    reader.read("messaging_method", "redis or direct", broker.messaging, parse_messaging);
    reader.text("direct_message_hostname", broker.direct.hostname);
    reader.number("direct_message_port", broker.direct.port);
    reader.text("direct_message_secret", broker.direct.secret);
    reader.flag("direct_message_open", broker.direct.allow_unauthenticated);
    reader.duration("ttl_duration", broker.ttl);
}

}  // namespace

std::span<const ConfigOption> config_options() { return kOptions; }

Result<> apply_settings(const Settings& settings, Config& config) {
    Reader reader(settings);
    reader.read("role", "api, worker or both", config.broker.role, parse_role);
    read_listener(reader, config);
    reader.text("prefix", config.broker.prefix);
    reader.number("threads", config.threads);
    read_clients(reader, config);
    read_redis(reader, config);
    read_messaging(reader, config.broker);
    reader.flag("log_requests", config.broker.log_requests);
    reader.flag("debug", config.debug);
    return std::move(reader).result();
}

}  // namespace cryo::broker
