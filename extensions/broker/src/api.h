#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <cryo/auth/claim_store.h>
#include <cryo/broker/options.h>
#include <cryo/http.h>
#include <cryo/loop.h>

#include "answers.h"
#include "counters.h"
#include "dispatcher.h"
#include "routes.h"
#include "slot.h"

namespace cryo::broker {

/// The HTTP API that back-ends call.
///
/// Thread safety: handlers are called on every loop; what needs the directory goes on on the home loop.
class Api : public std::enable_shared_from_this<Api> {
public:
    struct Parts {
        LoopPtr home{};
        std::shared_ptr<auth::IClaimStore> claims{};
        std::shared_ptr<IDirectory> directory{};
        std::shared_ptr<Dispatcher> dispatcher{};
    };

    Api(std::shared_ptr<const BrokerOptions> options, std::shared_ptr<Counters> counters)
        : options_(std::move(options)), counters_(std::move(counters)) {}

    /// Before the server starts.
    void mount(Routes& routes);
    /// Null: the broker does not run.
    void use(std::shared_ptr<const Parts> parts) { parts_.set(std::move(parts)); }

private:
    using PartsPtr = std::shared_ptr<const Parts>;
    using Handler = void (Api::*)(const HttpRequest&, Call, const PartsPtr&);

    /// Of an operation on connections, shared by its steps.
    struct Operation {
        Call call;
        PartsPtr parts;
        Target target{};
        Parcel parcel{};
        std::optional<Code> refusal{};  ///< Known early, told late: errors of the directory come before it.
        bool wants_report = false;
    };
    using OperationPtr = std::shared_ptr<Operation>;

    static OperationPtr begin(const HttpRequest& request, Call call, const PartsPtr& parts, const Target& target);

    HttpHandler authorized(Handler handler);

    void claim(const HttpRequest& request, Call call, const PartsPtr& parts);
    void send(const HttpRequest& request, Call call, const PartsPtr& parts);
    void disconnect(const HttpRequest& request, Call call, const PartsPtr& parts);
    void info(const HttpRequest& request, Call call, const PartsPtr& parts);
    void subscribe(const HttpRequest& request, Call call, const PartsPtr& parts);
    void unsubscribe(const HttpRequest& request, Call call, const PartsPtr& parts);
    void not_found(const HttpRequest& request, Call call, const PartsPtr& parts);

    void change_channel(const HttpRequest& request, Call call, const PartsPtr& parts, wire::ChannelAction::Type type);
    static void list_claims(Call call, const Parts& parts, const Target& target,
                            std::vector<ConnectionInfo> connections);
    static void dispatch(OperationPtr operation);
    static void conclude(Operation& operation, Result<Effect> effect);

    const std::shared_ptr<const BrokerOptions> options_;
    const std::shared_ptr<Counters> counters_;
    Slot<Parts> parts_{};
};

}  // namespace cryo::broker
