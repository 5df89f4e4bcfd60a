#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/broker/options.h>
#include <cryo/export.h>
#include <cryo/result.h>

namespace cryo::broker {

/// What a program that is a broker is told from outside, with the option names of dSock and some of our own.
struct Config {
    std::string host{};         ///< Address to listen on.
    std::uint16_t port = 6241;  ///< 0: a free one.
    unsigned threads = 1;       ///< Event loops; 0: one a core.
    bool debug = false;
    bool compression = false;
    std::size_t max_message_bytes = 16u << 20;
    std::chrono::milliseconds ping_interval{30'000};
    BrokerOptions broker{};

    std::string file{};                   ///< The configuration file that was read; empty: none.
    std::vector<std::string> warnings{};  ///< For the log: what has no effect, or is better said otherwise.
};

/// One option: `port` is `port` in a file, `DSOCK_PORT` in the environment and `--port` on a command line.
struct ConfigOption {
    std::string_view key{};
    std::string_view placeholder{};
    std::string_view help{};
    bool is_secret = false;
};

/// All options, in the order in which a help text lists them.
CRYO_API std::span<const ConfigOption> config_options();

/// Where options come from. Those of `overrides` win over the environment, which wins over the file.
struct ConfigSources {
    std::map<std::string, std::string> overrides{};  ///< By key; a command line's.
    /// The value of an environment variable, nothing when there is none. An empty one counts as none.
    std::function<std::optional<std::string>(const std::string& name)> environment{};
    std::string file{};  ///< Read this one. Empty: the first that is found in `folders`.
    /// Searched in this order for `config.` with json, toml, yaml, yml, properties, props, prop, hcl, dotenv, env, ini.
    std::vector<std::string> folders{};
};

/// Environment and folders as dSock has them: the working folder, `$HOME/.config/dsock`, `/etc/dsock`.
CRYO_API ConfigSources default_config_sources();

/// Reads the options; nothing is ever written.
/// Errors: name the file or variable, the key and the value, which is left out when it is a secret.
CRYO_API Result<Config> load_config(const ConfigSources& sources);

}  // namespace cryo::broker
