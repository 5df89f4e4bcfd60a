#pragma once

#include <memory>
#include <string>
#include <vector>

#include "directory.h"
#include "effect.h"
#include "worker.h"

namespace cryo::broker {

/// Brings a parcel to the workers it is for: by hand to the one of this process, by a messenger to the others.
///
/// Thread safety: the home loop; a message that only the own worker gets, any thread.
class Dispatcher {
public:
    /// @param own null: this process has no worker
    /// @param messenger null: there are no others
    Dispatcher(std::shared_ptr<Worker> own, std::shared_ptr<IMessenger> messenger)
        : own_(std::move(own)), messenger_(std::move(messenger)) {}

    /// Errors: `system`, when a worker could not be reached.
    void send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done);

private:
    void accept_here(Parcel parcel, EffectHandler done);

    std::shared_ptr<Worker> own_;
    std::shared_ptr<IMessenger> messenger_;
};

}  // namespace cryo::broker
