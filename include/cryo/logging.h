#pragma once

#include <memory>
#include <string_view>

#include <cryo/export.h>

namespace cryo {

enum class LogLevel { debug, info, warning, error };

/// Where the library's log lines go.
///
/// Thread safety: `log` is called from every loop thread and from threads of the application, at the same time.
/// Lifetime: shared by the server and whoever made it. Lines never contain tokens, keys or payloads.
/// Errors: what `log` throws is swallowed; a logger cannot stop the server.
class CRYO_API ILogger {
public:
    virtual ~ILogger() = default;

    /// @param component the part that speaks: `server`, `http`, `transport`, `libwebsockets`, or an extension's name
    /// @param message one line without a line end, with `key=value` fields at its end
    virtual void log(LogLevel level, std::string_view component, std::string_view message) = 0;
};

/// A logger that writes lines of `least` and above to standard error, each with its time in UTC.
CRYO_API std::shared_ptr<ILogger> make_stderr_logger(LogLevel least = LogLevel::info);

}  // namespace cryo
