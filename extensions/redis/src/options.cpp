#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <cryo/redis/options.h>

namespace cryo::redis {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongest = std::chrono::hours(1);
constexpr std::size_t kMaxAddresses = 32;
constexpr std::size_t kMaxBytes = std::size_t{512} << 20;  // what Redis itself takes
constexpr std::size_t kMaxUnixPath = 107;
constexpr int kMaxDatabase = 65'535;

class Problems {
public:
    template <class... Args>
    void require(bool fine, fmt::format_string<Args...> problem, Args&&... args) {
        if (fine) return;
        if (!text_.empty()) text_ += '\n';
        text_ += fmt::format(problem, std::forward<Args>(args)...);
    }

    template <class T>
    void in_range(std::string_view name, T value, T least, T most) {
        require(least <= value && value <= most, "{} ({}) must be from {} to {}", name, value, least, most);
    }

    void duration(std::string_view name, milliseconds value) {
        require(milliseconds(1) <= value && value <= kLongest, "{} ({} ms) must be from 1 ms to {} ms", name,
                value.count(), kLongest.count());
    }

    void address(std::string_view name, const Address& address) {
        require(!address.host.empty(), "{} has an empty host", name);
        require(address.port != 0, "{} has port 0", name);
    }

    void addresses(std::string_view name, const std::vector<Address>& all) {
        in_range(fmt::format("{}.size()", name), all.size(), std::size_t{1}, kMaxAddresses);
        for (const auto& one : all) address(name, one);
    }

    Result<> result() && {
        if (text_.empty()) return {};
        return Error{Errc::invalid_option, std::move(text_)};
    }

private:
    std::string text_;
};

void check_place(const Options& options, Problems& problems) {
    const int places =
        int{!options.unix_path.empty()} + int{options.sentinel.has_value()} + int{options.cluster.has_value()};
    problems.require(places <= 1, "only one of unix_path, sentinel and cluster may be set");
    if (places == 0) problems.address("address", options.address);
    problems.require(options.unix_path.size() <= kMaxUnixPath, "unix_path is longer than {} bytes", kMaxUnixPath);
    if (options.sentinel) {
        problems.addresses("sentinel.addresses", options.sentinel->addresses);
        problems.require(!options.sentinel->master_name.empty(), "sentinel.master_name is empty");
        problems.duration("sentinel.check_interval", options.sentinel->check_interval);
    }
    if (options.cluster) {
        problems.addresses("cluster.seeds", options.cluster->seeds);
        problems.duration("cluster.refresh_interval", options.cluster->refresh_interval);
        problems.require(options.database == 0, "database ({}) must be 0 in a cluster", options.database);
    }
}

void check_identity(const Options& options, Problems& problems) {
    problems.require(options.credentials.username.empty() || !options.credentials.password.empty(),
                     "credentials has a username and no password");
    problems.in_range("database", options.database, 0, kMaxDatabase);
    problems.require(options.client_name.find_first_of(" \t\r\n") == std::string::npos,
                     "client_name '{}' must not contain spaces", options.client_name);
    if (options.tls) {
        problems.require(options.tls->certificate_file.empty() == options.tls->key_file.empty(),
                         "tls.certificate_file and tls.key_file go together");
        problems.require(options.unix_path.empty() || !options.tls->server_name.empty(),
                         "tls.server_name is needed with unix_path");
    }
}

}  // namespace

Result<> Options::validate() const {
    Problems problems;
    check_place(*this, problems);
    check_identity(*this, problems);
    problems.duration("connect_timeout", connect_timeout);
    problems.duration("command_timeout", command_timeout);
    problems.duration("ping_interval", ping_interval);
    problems.duration("retry_min", retry_min);
    problems.duration("retry_max", retry_max);
    problems.require(retry_min <= retry_max, "retry_min ({} ms) must not be above retry_max ({} ms)", retry_min.count(),
                     retry_max.count());
    problems.require(max_pending_commands > 0, "max_pending_commands (0) must be at least 1");
    problems.require(max_pending_bytes > 0, "max_pending_bytes (0) must be at least 1");
    problems.in_range("max_reply_bytes", max_reply_bytes, std::size_t{1024}, kMaxBytes);
    problems.require(max_reply_elements > 0, "max_reply_elements (0) must be at least 1");
    return std::move(problems).result();
}

}  // namespace cryo::redis
