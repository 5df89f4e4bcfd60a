#pragma once

#include <memory>

#include <cryo/loop.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

#include "transport/loop.h"

namespace cryo::transport {

/// A descriptor of somebody else's that a loop watches.
///
/// Loop thread only, or before `run`. When the loop ends it lets go of all watches: one that is left does nothing any
/// more and may be destroyed anywhere, also after the loop.
class Watch final : public DescriptorWatch {
public:
    using Callback = UniqueFunction<void(Events)>;

    /// @param callback must not throw; may change or destroy the watch
    static Result<std::unique_ptr<DescriptorWatch>> create(Loop& loop, int descriptor, Events events,
                                                           Callback callback);
    ~Watch() override;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void want(Events events) override;

    /// What the poller knows: it outlives the watch until the end of the turn.
    class Handle;

private:
    Watch() = default;

    Handle* handle_ = nullptr;  ///< Null: the loop has ended.
};

}  // namespace cryo::transport
