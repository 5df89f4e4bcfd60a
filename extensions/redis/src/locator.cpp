#include "locator.h"

#include <fmt/format.h>

namespace cryo::redis {

void Resolver::resolve(const Address& address, Done done) {
    if (auto numeric = resolve_now(address, true)) return done(std::move(numeric));
    if (!pool_) pool_ = std::make_shared<WorkerPool>(1);
    // `done` stays with the task that carries it, and goes with it when the pool or the loop refuses.
    auto shared = std::make_shared<Done>(std::move(done));
    const bool queued = pool_->submit([loop = loop_, address, shared] {
        auto found = std::make_shared<Result<Place>>(resolve_now(address, false));
        loop->post([shared, found] { (*shared)(std::move(*found)); });
    });
    if (!queued) {
        (*shared)(
            Error{Errc::unavailable, fmt::format("cannot resolve '{}': too many names wait for that", address.host)});
    }
}

void ListLocator::locate(Done done) { resolver_->resolve(addresses_[current_], std::move(done)); }

}  // namespace cryo::redis
