#pragma once

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>

#include "support/child_process.h"
#include "support/tls_certificate.h"
#include "support/wait.h"

namespace cryo::test {

/// A real redis-server on a free port of the loopback, in a directory of its own, that keeps nothing on disk.
class RedisServer {
public:
    using Arguments = std::vector<std::string>;

    /// @param arguments more of its options: `--requirepass`, `secret` ...; with those of `tls_arguments` it listens
    /// for TLS as well
    explicit RedisServer(Arguments arguments = {})
        : RedisServer("save ''\nrepl-diskless-sync-delay 0\n", std::move(arguments)) {}

    /// A Sentinel that watches the master on that port; `quorum` of them make another one the master.
    static std::unique_ptr<RedisServer> sentinel(const std::string& name, std::uint16_t master, int quorum,
                                                 Arguments arguments = {}) {
        const std::string config = "sentinel monitor " + name + " 127.0.0.1 " + std::to_string(master) + ' ' +
                                   std::to_string(quorum) + "\nsentinel down-after-milliseconds " + name +
                                   " 1000\nsentinel failover-timeout " + name + " 2000\n";
        arguments.push_back("--sentinel");
        return std::unique_ptr<RedisServer>(new RedisServer(config, std::move(arguments)));
    }

    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;
    ~RedisServer() {
        stop();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::uint16_t port() const noexcept { return port_; }
    std::uint16_t tls_port() const noexcept { return tls_port_; }  ///< 0: without TLS.
    /// Where clients and other servers are to find it: with TLS if it has that.
    std::uint16_t public_port() const noexcept { return tls_port_ ? tls_port_ : port_; }
    const std::filesystem::path& directory() const noexcept { return directory_; }
    std::string unix_path() const { return directory_ / "socket"; }

    /// On the same port; returns once it answers.
    void start() {
        if (process_) return;
        launch();
        if (!eventually([this] { return command({"PING"}) == "PONG"; })) {
            throw std::runtime_error("redis-server does not answer");
        }
    }
    /// Kills it.
    void stop() {
        process_.reset();
        admin_.reset();
    }
    void pause() const { process_->signal(SIGSTOP); }
    void resume() const { process_->signal(SIGCONT); }

    /// Runs a command, and gives its answer as text: elements of arrays each on a line, errors with a `-` before them,
    /// `(none)` when there is no answer.
    std::string command(std::initializer_list<std::string> words) { return command(Arguments(words)); }
    std::string command(const Arguments& words) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!admin_ && !connect()) break;
            std::vector<const char*> texts;
            std::vector<std::size_t> lengths;
            for (const auto& word : words) {
                texts.push_back(word.data());
                lengths.push_back(word.size());
            }
            const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
                static_cast<redisReply*>(
                    redisCommandArgv(admin_.get(), static_cast<int>(words.size()), texts.data(), lengths.data())),
                freeReplyObject);
            if (reply) return text_of(*reply);
            admin_.reset();
        }
        return "(none)";
    }
    /// How often a command was called since the server started.
    int calls(const std::string& name) {
        const std::string info = command({"INFO", "commandstats"});
        const std::string label = "cmdstat_" + name + ":calls=";
        const auto at = info.find(label);
        return at == std::string::npos ? 0 : std::stoi(info.substr(at + label.size()));
    }

    /// Has it use TLS towards clients, replicas, Sentinels and other nodes of a cluster.
    /// @param ask_clients whether these must present a certificate
    static Arguments tls_arguments(const TlsCertificate& certificate, const TlsCertificate& authority,
                                   bool ask_clients = false) {
        return {"--tls-cert-file",    certificate.certificate_file(),
                "--tls-key-file",     certificate.key_file(),
                "--tls-ca-cert-file", authority.certificate_file(),
                "--tls-auth-clients", ask_clients ? "yes" : "no",
                "--tls-replication",  "yes",
                "--tls-cluster",      "yes"};
    }

private:
    /// @param config what is in its configuration file, which Sentinels write to
    RedisServer(const std::string& config, Arguments arguments) : port_(free_port()), arguments_(std::move(arguments)) {
        std::string pattern = std::filesystem::temp_directory_path() / "cryo-redis-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("no directory for redis-server");
        directory_ = pattern;
        const auto password = std::find(arguments_.begin(), arguments_.end(), "--requirepass");
        if (password != arguments_.end()) login_ = {"AUTH", *(password + 1)};
        if (std::find(arguments_.begin(), arguments_.end(), "--tls-cert-file") != arguments_.end()) {
            tls_port_ = free_port();
            arguments_.insert(arguments_.end(), {"--tls-port", std::to_string(tls_port_)});
        }
        std::ofstream(directory_ / "redis.conf") << config;
        start();
    }

    void launch() {
        Arguments words{"redis-server",
                        directory_ / "redis.conf",
                        "--port",
                        std::to_string(port_),
                        "--bind",
                        "127.0.0.1",
                        "--dir",
                        directory_,
                        "--logfile",
                        directory_ / "log",
                        "--protected-mode",
                        "no"};
        words.insert(words.end(), arguments_.begin(), arguments_.end());
        process_ = std::make_unique<ChildProcess>(std::move(words));
    }

    bool connect() {
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        admin_.reset(redisConnectWithTimeout("127.0.0.1", port_, patience));
        if (!admin_ || admin_->err) {
            admin_.reset();
            return false;
        }
        redisSetTimeout(admin_.get(), patience);
        return login_.empty() || command(login_) == "OK";
    }

    static std::string text_of(const redisReply& reply) {
        switch (reply.type) {
            case REDIS_REPLY_INTEGER:
                return std::to_string(reply.integer);
            case REDIS_REPLY_NIL:
                return "(nil)";
            case REDIS_REPLY_ERROR:
                return "-" + std::string(reply.str, reply.len);
            case REDIS_REPLY_ARRAY: {
                std::string lines;
                for (std::size_t i = 0; i < reply.elements; ++i) {
                    lines += (i ? "\n" : "") + text_of(*reply.element[i]);
                }
                return lines;
            }
            default:
                return {reply.str, reply.len};
        }
    }

    std::uint16_t port_;
    std::uint16_t tls_port_ = 0;
    Arguments arguments_;
    std::filesystem::path directory_;
    Arguments login_{};
    std::unique_ptr<ChildProcess> process_{};
    std::unique_ptr<redisContext, decltype(&redisFree)> admin_{nullptr, redisFree};
};

}  // namespace cryo::test
