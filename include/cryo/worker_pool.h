#pragma once

#include <cstddef>
#include <memory>

#include <cryo/export.h>
#include <cryo/unique_function.h>

namespace cryo {

/// Threads for work that blocks.
///
/// Thread safety: any thread. Lifetime: the destructor runs what is queued, then joins.
/// Errors: what a task throws is swallowed; a task reports through what it captured.
class CRYO_API WorkerPool {
public:
    /// @param threads at least 1
    /// @param max_queued tasks that may wait; further ones are refused
    explicit WorkerPool(std::size_t threads = 4, std::size_t max_queued = 1024);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// False, and the task destroyed unrun, when `max_queued` tasks wait.
    bool submit(UniqueFunction<void()> task);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace cryo
