#include "connect_options.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <openssl/crypto.h>

namespace cryo::nats {
namespace {

constexpr std::size_t kMaxServers = 64;
/// Of one subscription inside the library, on the way to `LoopInbox`.
constexpr int kMaxPendingMessages = 65'536;

bool has_user(const std::string& url) { return url.find('@') != std::string::npos; }

std::string without_user(const std::string& url) {
    const auto at = url.rfind('@');
    if (at == std::string::npos) return url;
    const auto scheme = url.find("://");
    return (scheme == std::string::npos ? "" : url.substr(0, scheme + 3)) + url.substr(at + 1);
}

/// Stops at the first call that fails, and remembers it.
class Setter {
public:
    template <class Call>
    Setter& operator()(Errc code, std::string_view what, Call call) {
        if (error_.message.empty()) {
            if (const natsStatus status = call(); status != NATS_OK) {
                error_ = {code, fmt::format("nats: {}: {}", what, last_error(status))};
            }
        }
        return *this;
    }
    const Error& error() const noexcept { return error_; }

private:
    Error error_{};
};

void set_tls(Setter& set, natsOptions* to, const ClientTls& tls) {
    set(Errc::system, "tls", [&] { return natsOptions_SetSecure(to, true); });
    set(Errc::tls_configuration, "ca_file \"" + tls.ca_file + "\"",
        [&] { return natsOptions_LoadCATrustedCertificates(to, tls.ca_file.c_str()); });
    if (!tls.certificate_file.empty()) {
        set(Errc::tls_configuration,
            fmt::format("certificate_file \"{}\" with key_file \"{}\"", tls.certificate_file, tls.key_file),
            [&] { return natsOptions_LoadCertificatesChain(to, tls.certificate_file.c_str(), tls.key_file.c_str()); });
    }
    if (!tls.server_name.empty()) {
        set(Errc::system, "server_name", [&] { return natsOptions_SetExpectedHostname(to, tls.server_name.c_str()); });
    }
}

void set_login(Setter& set, natsOptions* to, const Options& options) {
    if (!options.user.empty()) {
        set(Errc::system, "user",
            [&] { return natsOptions_SetUserInfo(to, options.user.c_str(), options.password.c_str()); });
    }
    if (!options.token.empty()) {
        set(Errc::system, "token", [&] { return natsOptions_SetToken(to, options.token.c_str()); });
    }
    if (!options.credentials_file.empty()) {
        set(Errc::invalid_option, "credentials_file",
            [&] { return natsOptions_SetUserCredentialsFromFiles(to, options.credentials_file.c_str(), nullptr); });
    }
}

}  // namespace

std::string problems_of(const Options& options) {
    std::string problems;
    const auto want = [&](bool good, std::string_view what) {
        if (!good) problems += fmt::format("{}{}", problems.empty() ? "" : "; ", what);
    };
    const auto positive = [](std::chrono::milliseconds time) { return time.count() > 0 && time.count() < INT_MAX; };
    const bool url_user = std::any_of(options.servers.begin(), options.servers.end(), has_user);
    const int logins = (options.user.empty() ? 0 : 1) + (options.token.empty() ? 0 : 1) +
                       (options.credentials_file.empty() ? 0 : 1) + (url_user ? 1 : 0);
    want(!options.servers.empty() && options.servers.size() <= kMaxServers, "servers: 1 to 64 are needed");
    want(std::none_of(options.servers.begin(), options.servers.end(), [](const auto& url) { return url.empty(); }),
         "servers: one is empty");
    want(logins <= 1, "only one of user, token, credentials_file and a user in servers can be given");
    want(options.password.empty() || !options.user.empty(), "password without user");
    want(positive(options.connect_timeout), "connect_timeout must be positive");
    want(positive(options.ping_interval), "ping_interval must be positive");
    want(positive(options.retry_min) && options.retry_min <= options.retry_max && positive(options.retry_max),
         "retry_min must be positive and not more than retry_max");
    want(options.max_channels > 0 && options.max_waiting_bytes > 0, "limits must be positive");
    if (options.tls) {
        want(!options.tls->ca_file.empty(), "tls: ca_file is missing");
        want(options.tls->certificate_file.empty() == options.tls->key_file.empty(),
             "tls: certificate_file and key_file belong together");
    }
    return problems;
}

Result<OptionsPtr> to_nats_options(const Options& options) {
    natsOptions* made = nullptr;
    Setter set;
    set(Errc::system, "no memory", [&] { return natsOptions_Create(&made); });
    OptionsPtr result(made);
    std::vector<const char*> servers;
    for (const auto& url : options.servers) servers.push_back(url.c_str());
    set(Errc::invalid_option, "servers " + printable_servers(options),
        [&] { return natsOptions_SetServers(made, servers.data(), static_cast<int>(servers.size())); });
    set_login(set, made, options);
    if (options.tls) set_tls(set, made, *options.tls);
    const auto timeout = static_cast<std::int64_t>(options.connect_timeout.count());
    set(Errc::invalid_option, "connect_timeout", [&] { return natsOptions_SetTimeout(made, timeout); });
    set(Errc::invalid_option, "connect_timeout", [&] { return natsOptions_SetWriteDeadline(made, timeout); });
    set(Errc::invalid_option, "ping_interval",
        [&] { return natsOptions_SetPingInterval(made, static_cast<std::int64_t>(options.ping_interval.count())); });
    if (!options.client_name.empty()) {
        set(Errc::invalid_option, "client_name",
            [&] { return natsOptions_SetName(made, options.client_name.c_str()); });
    }
    // Reconnecting is done here: nothing of before may be sent after it.
    set(Errc::system, "options", [&] { return natsOptions_SetMaxPingsOut(made, 1); });
    set(Errc::system, "options", [&] { return natsOptions_SetAllowReconnect(made, false); });
    set(Errc::system, "options", [&] { return natsOptions_SetSendAsap(made, true); });
    set(Errc::system, "options", [&] { return natsOptions_SetMaxPendingMsgs(made, kMaxPendingMessages); });
    // Not a thread for each subscription; and one for all of them, as long as the application asks for no more, keeps
    // the order between subjects, which the link of hubs relies on.
    set(Errc::system, "options", [&] { return natsOptions_UseGlobalMessageDelivery(made, true); });
    if (!set.error().message.empty()) return set.error();
    return result;
}

void wipe_secrets(Options& options) noexcept {
    const auto wipe = [](std::string& secret) {
        OPENSSL_cleanse(secret.data(), secret.size());
        secret.clear();
    };
    wipe(options.password);
    wipe(options.token);
    for (auto& url : options.servers) {
        if (!has_user(url)) continue;
        auto rest = without_user(url);
        wipe(url);
        url = std::move(rest);
    }
}

std::string printable_servers(const Options& options) {
    std::string text;
    for (const auto& url : options.servers) text += (text.empty() ? "" : ",") + without_user(url);
    return text;
}

}  // namespace cryo::nats
