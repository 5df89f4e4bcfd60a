#pragma once

#include <memory>
#include <string>

#include <cryo/broker/options.h>
#include <cryo/http.h>

#include "answers.h"
#include "counters.h"
#include "routes.h"
#include "slot.h"
#include "worker.h"

namespace cryo::broker {

/// Where a worker takes messages and channel actions by HTTP. Callers show the secret as the API's callers their token.
///
/// Thread safety: any loop.
class DirectRoutes : public std::enable_shared_from_this<DirectRoutes> {
public:
    DirectRoutes(std::shared_ptr<const BrokerOptions> options, std::shared_ptr<Counters> counters)
        : options_(std::move(options)), counters_(std::move(counters)) {}

    void mount(Routes& routes);
    /// Null: the broker does not run.
    void use(std::shared_ptr<Worker> worker);

private:
    struct Parts {
        std::shared_ptr<Worker> worker;
    };
    using Decoder = Result<Parcel> (*)(std::string_view body);

    HttpHandler taking(Decoder decode);
    void take(const HttpRequest& request, Call call, Decoder decode);

    const std::shared_ptr<const BrokerOptions> options_;
    const std::shared_ptr<Counters> counters_;
    Slot<Parts> parts_{};
};

}  // namespace cryo::broker
