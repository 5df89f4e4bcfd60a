#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/http.h>
#include <cryo/result.h>
#include <cryo/server.h>

namespace cryo::broker {

/// The routes of a broker below its prefix, with what dSock's router does about paths that are none of them: a slash
/// too many is a redirect, everything else goes to the fallback, also another method.
class Routes {
public:
    Routes(Server& server, std::string prefix) : server_(server), prefix_(std::move(prefix)) {}

    void add(std::string_view method, std::string_view pattern, HttpHandler handler);
    void fall_back_to(HttpHandler handler) { fallback_ = std::move(handler); }

    /// Call last. Errors: the first that any call met.
    Result<> finish();

    std::string path(std::string_view pattern) const { return prefix_ + std::string(pattern); }

private:
    struct Known {
        std::string method{};  ///< `*`: any
        std::string pattern{};
    };

    Server& server_;
    std::string prefix_;
    std::vector<Known> known_{};
    HttpHandler fallback_{};
    Result<> result_{};

    static bool matches(const Known& route, std::string_view method, std::string_view path);
};

}  // namespace cryo::broker
