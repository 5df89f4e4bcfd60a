// A broker: back-ends send over HTTP, clients receive over WebSocket. Options as dSock has them.
#include <algorithm>
#include <iostream>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include <cryo/broker/broker.h>
#include <cryo/broker/config.h>
#include <cryo/cryo.h>

#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-broker";
constexpr int kWrongUse = 2;
constexpr std::size_t kAroundDirectMessage = 8u << 10;  // the target that it comes with

/// Every option of the configuration is also one of the command line: `redis_host` is `--redis-host`.
void add_options(CLI::App& app, cryo::broker::ConfigSources& sources) {
    app.add_option("--config", sources.file,
                   "file with options; without it config.{json,toml,yaml,...} is searched for")
        ->type_name("FILE");
    for (const auto& option : cryo::broker::config_options()) {
        std::string name(option.key);
        std::ranges::replace(name, '_', '-');
        app.add_option_function<std::string>(
               "--" + name,
               [&sources, key = std::string(option.key)](const std::string& value) { sources.overrides[key] = value; },
               std::string(option.help))
            ->type_name(std::string(option.placeholder));
    }
}

cryo::ServerOptions server_options(const cryo::broker::Config& config) {
    cryo::ServerOptions options{.host = config.host, .port = config.port, .threads = config.threads};
    options.keepalive_interval = config.ping_interval;
    options.drain_timeout = std::chrono::seconds(5);
    options.deflate.enabled = config.compression;
    options.max_message_bytes = config.max_message_bytes;
    options.http.max_body_bytes = config.max_message_bytes;
    if (config.broker.messaging == cryo::broker::Messaging::direct && config.broker.role != cryo::broker::Role::api) {
        options.http.max_body_bytes += kAroundDirectMessage;
    }
    options.backpressure.max_queued_bytes =
        std::max(options.backpressure.max_queued_bytes, options.http.max_body_bytes);
    options.logger = config.broker.logger;
    return options;
}

/// For those who look at the log to see what has been started.
void introduce(const cryo::broker::Config& config, cryo::ILogger& log) {
    constexpr const char* kRoles[] = {"api", "worker", "both"};
    const auto& broker = config.broker;
    std::string line = std::string("role=") + kRoles[static_cast<int>(broker.role)];
    line += " config=" + (config.file.empty() ? std::string("none") : config.file);
    line += " state=" + std::string(broker.redis ? "redis" : "memory");
    if (broker.redis)
        line += std::string(" messaging=") + (broker.messaging == cryo::broker::Messaging::redis ? "redis" : "direct");
    log.log(cryo::LogLevel::info, "broker", line);
    for (const auto& warning : config.warnings) log.log(cryo::LogLevel::warning, "broker", warning);
}

int fail_at(int exit_code, const cryo::Error& error) {
    example::fail(kProgram, error);
    return exit_code;
}

int run(const cryo::broker::ConfigSources& sources) {
    auto loaded = cryo::broker::load_config(sources);
    if (!loaded) return fail_at(kWrongUse, loaded.error());
    auto& config = loaded.value();
    config.broker.logger = cryo::make_stderr_logger(config.debug ? cryo::LogLevel::debug : cryo::LogLevel::info);
    introduce(config, *config.broker.logger);
    if (config.broker.redis) config.broker.redis->logger = config.broker.logger;

    auto broker = cryo::broker::Broker::create(config.broker);
    if (!broker) return fail_at(kWrongUse, broker.error());
    const auto options = server_options(config);
    auto server = cryo::Server::create(options);
    if (!server) return fail_at(kWrongUse, server.error());
    if (auto installed = broker.value()->install(*server.value()); !installed) return fail_at(1, installed.error());
    example::announce(*server.value(), options);
    return example::serve(kProgram, *server.value());
}

}  // namespace

int main(int argc, char** argv) {
    auto sources = cryo::broker::default_config_sources();
    CLI::App app(
        "Back-ends send over HTTP, clients receive over WebSocket; as dSock does.\n"
        "Every option is also one of config files (redis_host) and of the environment (DSOCK_REDIS_HOST).",
        kProgram);
    app.set_version_flag("--version", CRYO_VERSION_STRING);
    add_options(app, sources);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kWrongUse;
    }
    return run(sources);
}
