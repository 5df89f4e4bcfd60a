#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <cryo/hub/audience.h>
#include <cryo/hub/relay.h>

namespace cryo::hub {

class HubState;
class LoopPart;

/// Something asked of a hub, on its way through the loops: shared by all that have a part in it, who each hold a
/// `Claim`. When the last claim is gone it is finished, and its handler is told.
class Operation {
public:
    explicit Operation(std::shared_ptr<HubState> state) noexcept : state_(std::move(state)) {}
    virtual ~Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    /// Its work on one loop, on that loop.
    virtual void run(LoopPart& part) = 0;
    /// What it costs while it waits for a loop.
    virtual std::size_t waiting_bytes() const noexcept { return kOverheadBytes; }

    HubState& state() const noexcept { return *state_; }
    const std::shared_ptr<HubState>& shared_state() const noexcept { return state_; }

    void add_receivers(std::size_t count) noexcept { receivers_.fetch_add(count, std::memory_order_relaxed); }
    void set_incomplete() noexcept { complete_.store(false, std::memory_order_relaxed); }
    Outcome outcome() const noexcept { return {receivers_.load(), complete_.load()}; }

protected:
    static constexpr std::size_t kOverheadBytes = 256;

    /// All have done their part. One that finds more to do makes a new claim on `self`, and is finished again.
    virtual void finish(const std::shared_ptr<Operation>& self) noexcept = 0;

private:
    friend class Claim;

    std::shared_ptr<HubState> state_;
    std::atomic<std::uint32_t> claims_{0};
    std::atomic<std::size_t> receivers_{0};
    std::atomic<bool> complete_{true};
};

/// A part in an operation. Given up before it was `done`, the operation is incomplete.
class Claim {
public:
    explicit Claim(std::shared_ptr<Operation> operation) noexcept : operation_(std::move(operation)) {
        operation_->claims_.fetch_add(1, std::memory_order_relaxed);
    }
    Claim(Claim&&) noexcept = default;
    Claim& operator=(Claim&&) = delete;
    ~Claim() {
        if (!operation_) return;
        operation_->set_incomplete();
        leave();
    }

    Operation& operator*() const noexcept { return *operation_; }
    Operation* operator->() const noexcept { return operation_.get(); }

    void done() noexcept { leave(); }

private:
    void leave() noexcept {
        const auto operation = std::move(operation_);
        if (operation->claims_.fetch_sub(1, std::memory_order_acq_rel) == 1) operation->finish(operation);
    }

    std::shared_ptr<Operation> operation_;
};

/// An operation whose handler, if there is one, is told how many receivers it reached.
class CountingOperation : public Operation {
public:
    CountingOperation(std::shared_ptr<HubState> state, OutcomeHandler done) noexcept
        : Operation(std::move(state)), done_(std::move(done)) {}

    bool is_awaited() const noexcept { return static_cast<bool>(done_); }

protected:
    void finish(const std::shared_ptr<Operation>& self) noexcept override;

private:
    OutcomeHandler done_;
};

/// What takes the relay's answer for it; empty when nobody wants to know.
OutcomeHandler relayed_outcome(const std::shared_ptr<CountingOperation>& operation);

}  // namespace cryo::hub
