#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/extension.h>
#include <cryo/result.h>

namespace cryo::extension {

/// An extension with its place in the order.
struct Registration {
    std::shared_ptr<IExtension> extension;
    std::string name;
    std::uint64_t order = 0;                 ///< Rising with each registration, never used twice; from 1.
    std::atomic<std::uint64_t> failures{0};  ///< Exceptions caught.
};

/// The registered extensions in order; immutable. Null when there are none, so that one pointer test tells.
using Snapshot = std::shared_ptr<const std::vector<std::shared_ptr<Registration>>>;

/// The server's list of extensions. Changes make a new snapshot, which the loops take over one by one
/// (`HookRunner::use`).
///
/// Thread safety: any thread.
class Pipeline {
public:
    /// Errc::duplicate when the name is taken, Errc::invalid_argument when there is no extension or no name.
    Result<Snapshot> add(std::shared_ptr<IExtension> extension);
    /// Errc::not_found.
    Result<Snapshot> remove(std::string_view name);

    /// Null when there is none of that name.
    std::shared_ptr<IExtension> find(std::string_view name) const;
    Snapshot snapshot() const;
    /// Exceptions caught from all extensions ever registered.
    std::uint64_t failures() const;

private:
    mutable std::mutex mutex_;
    Snapshot current_;
    std::uint64_t last_order_ = 0;
    std::uint64_t removed_failures_ = 0;
};

}  // namespace cryo::extension
