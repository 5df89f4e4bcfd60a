#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <cryo/export.h>

namespace cryo::redis {

/// A Lua script, which Redis runs as one step: nobody sees or changes anything in between. For what other databases
/// need transactions for.
///
/// In a cluster, an error that a script returns or raises and whose text begins with MOVED, ASK, TRYAGAIN, CLUSTERDOWN,
/// LOADING or MASTERDOWN is taken for the cluster's own, which says that nothing was executed: the script is sent
/// again.
///
/// Make it once and keep it. Cheap to copy; any thread.
class CRYO_API Script {
public:
    explicit Script(std::string source);

    const std::string& source() const noexcept { return data_->source; }
    std::string_view sha1() const noexcept { return data_->sha1; }  ///< Its name in EVALSHA, in hexadecimal.

private:
    struct Data {
        std::string source{};
        std::string sha1{};
    };

    std::shared_ptr<const Data> data_;
};

}  // namespace cryo::redis
