#include "direct_routes.h"

#include <utility>

#include <cryo/auth.h>

#include "log.h"
#include "parameters.h"
#include "text.h"

namespace cryo::broker {
namespace {

constexpr std::string_view kProtobuf = "application/protobuf";
constexpr std::string_view kScheme = "Bearer ";

bool is_protobuf(std::string_view content_type) {
    return to_lower(trim(content_type.substr(0, content_type.find(';')))) == kProtobuf;
}

template <class Content>
Result<Parcel> parcel_of(Result<Content> content) {
    if (!content) return std::move(content).error();
    return Parcel{std::move(*content), {}};
}

}  // namespace

void DirectRoutes::mount(Routes& routes) {
    routes.add("POST", "/_/message",
               taking([](std::string_view body) { return parcel_of(wire::decode_message(body)); }));
    routes.add("POST", "/_/message/channel",
               taking([](std::string_view body) { return parcel_of(wire::decode_channel_action(body)); }));
}

void DirectRoutes::use(std::shared_ptr<Worker> worker) {
    parts_.set(worker ? std::make_shared<const Parts>(Parts{std::move(worker)}) : nullptr);
}

HttpHandler DirectRoutes::taking(Decoder decode) {
    return [self = shared_from_this(), decode](const HttpRequest& request, HttpReply reply) {
        self->take(request, Call(request, std::move(reply), *self->options_, self->counters_), decode);
    };
}

void DirectRoutes::take(const HttpRequest& request, Call call, Decoder decode) {
    const auto& direct = options_->direct;
    const auto header = request.header("Authorization");
    const bool known = !direct.secret.empty() && header.starts_with(kScheme) &&
                       constant_time_equal(header.substr(kScheme.size()), direct.secret);
    if (!known && !direct.allow_unauthenticated) {
        count(counters_->unauthorized);
        return call.fail_without_id(Code::invalid_authorization);
    }
    if (!is_protobuf(request.header("Content-Type"))) return call.fail(Code::invalid_content_type);
    auto parcel = decode(request.body_text());
    if (!parcel) {
        count(counters_->refused_parcels);
        log(options_->logger, LogLevel::warning, "refused by HTTP: " + parcel.error().message);
        return call.fail(Code::error_reading_body);
    }
    const auto parts = parts_.get();
    if (!parts) return call.fail(Code::stopped);
    count(counters_->received_parcels);
    parts->worker->accept(std::move(*parcel), [call = std::move(call)](const Result<Effect>& effect) mutable {
        if (!effect) return call.fail(Code::error_delivering_messaging);
        call.answer(report(effect.value().connections, effect.value().complete));
    });
}

}  // namespace cryo::broker
