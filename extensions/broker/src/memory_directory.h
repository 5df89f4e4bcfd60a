#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "directory.h"
#include "worker.h"

namespace cryo::broker {

/// Of a process that is alone: everybody is connected to its own worker.
class MemoryDirectory final : public IDirectory {
public:
    explicit MemoryDirectory(std::shared_ptr<Worker> worker) : worker_(std::move(worker)) {}

    void find(Target, Done<std::vector<WorkerRoute>> done) override {
        done(std::vector{WorkerRoute{.id = worker_->id(), .confirms = true}});
    }
    void list(Target target, Done<std::vector<ConnectionInfo>> done) override { done(worker_->list(target)); }

private:
    std::shared_ptr<Worker> worker_;
};

}  // namespace cryo::broker
