#include "api.h"

#include <array>
#include <optional>
#include <utility>

#include "parameters.h"
#include "utf8.h"

namespace cryo::broker {
namespace {

/// The code for a directory that cannot be asked about a target, by the part that it is asked for.
Code lookup_error(const Target& target) noexcept {
    if (!target.id.empty()) return Code::error_getting_connection;
    return target.channel.empty() ? Code::error_getting_user : Code::error_getting_channel;
}

/// Lists go by the user before the channel.
Code listing_error(const Target& target) noexcept {
    if (!target.id.empty()) return Code::error_getting_connection;
    return target.user.empty() ? Code::error_getting_channel : Code::error_getting_user;
}

std::optional<Code> target_problem(const Target& target, Code not_utf8 = Code::error_marshalling_message) noexcept {
    return target.names_nobody() ? Code::missing_target : problem_of(target, not_utf8);
}

}  // namespace

void Api::mount(Routes& routes) {
    routes.add("POST", "/claim", authorized(&Api::claim));
    routes.add("POST", "/send", authorized(&Api::send));
    routes.add("POST", "/disconnect", authorized(&Api::disconnect));
    routes.add("GET", "/info", authorized(&Api::info));
    routes.add("POST", "/channel/subscribe/:channel", authorized(&Api::subscribe));
    routes.add("POST", "/channel/unsubscribe/:channel", authorized(&Api::unsubscribe));
    routes.fall_back_to(authorized(&Api::not_found));
}

HttpHandler Api::authorized(Handler handler) {
    return [self = shared_from_this(), handler](const HttpRequest& request, HttpReply reply) {
        Call call(request, std::move(reply), *self->options_, self->counters_);
        if (!is_authorized(request, self->options_->token)) {
            count(self->counters_->unauthorized);
            return call.fail_without_id(Code::invalid_authorization);
        }
        count(self->counters_->requests);
        const auto parts = self->parts_.get();
        if (!parts) return call.fail(Code::stopped);
        ((*self).*handler)(request, std::move(call), parts);
    };
}

void Api::claim(const HttpRequest& request, Call call, const PartsPtr& parts) {
    auto asked = claim_of(request, std::chrono::system_clock::now(), options_->max_claim_channels);
    if (const auto* problem = std::get_if<Code>(&asked)) return call.fail(*problem);
    auto& claim = std::get<auth::Claim>(asked);
    const Code unavailable = claim.id.empty() ? Code::error_getting_claim : Code::error_checking_claim;
    // The store refuses what has ended before it was kept: the claim was good when it was asked for, and is useless
    // now.
    auto asked_for = claim;
    if (asked_for.id.empty()) asked_for.id = auth::make_claim_id();
    parts->claims->create(std::move(claim), [call = std::move(call), unavailable,
                                             asked_for = std::move(asked_for)](Result<auth::Claim> created) mutable {
        if (created) return call.answer(claim_created(*created));
        switch (created.error().code) {
            case Errc::duplicate:
                return call.fail(Code::claim_id_already_used);
            case Errc::invalid_argument:
                if (asked_for.expires_at <= std::chrono::system_clock::now())
                    return call.answer(claim_created(asked_for));
                return call.fail(Code::invalid_parameter);
            default:
                return call.fail(unavailable);
        }
    });
}

Api::OperationPtr Api::begin(const HttpRequest& request, Call call, const PartsPtr& parts, const Target& target) {
    const auto given = request.header("X-Request-ID");
    std::string id = given.empty() ? call.request_id() : std::string(given);
    return std::make_shared<Operation>(
        Operation{.call = std::move(call), .parts = parts, .target = target, .parcel = {.request_id = std::move(id)}});
}

void Api::send(const HttpRequest& request, Call call, const PartsPtr& parts) {
    const auto target = target_of(request);
    if (const auto problem = target_problem(target)) return call.fail(*problem);

    auto operation = begin(request, std::move(call), parts, target);
    const auto type = parse_message_type(parameter(request, "type"));
    if (!type) {
        operation->refusal = Code::invalid_message_type;
    } else if (*type == wire::Message::Type::text && !is_utf8(request.body_text())) {
        operation->refusal = Code::invalid_text;
    } else {
        operation->parcel.content =
            wire::Message{.type = *type, .body = std::string(request.body_text()), .target = target};
    }
    operation->wants_report = parameter(request, "report") == "true";
    dispatch(std::move(operation));
}

/// Claims go first: one that is redeemed meanwhile has made a connection that the directory knows of then.
void Api::disconnect(const HttpRequest& request, Call call, const PartsPtr& parts) {
    auto target = target_of(request);
    if (const auto problem = target_problem(target)) return call.fail(*problem);

    auto operation = begin(request, std::move(call), parts, target);
    operation->parcel.content = wire::Message{.type = wire::Message::Type::disconnect, .target = target};
    const bool keep = parameter(request, "keepClaims") == "true";
    auto claims = keep ? std::nullopt : claim_target_of(target);
    if (!claims) return dispatch(std::move(operation));
    parts->claims->remove(std::move(*claims), [operation](const Result<std::size_t>& removed) mutable {
        if (!removed) return conclude(*operation, removed.error());
        dispatch(std::move(operation));
    });
}

void Api::subscribe(const HttpRequest& request, Call call, const PartsPtr& parts) {
    change_channel(request, std::move(call), parts, wire::ChannelAction::Type::subscribe);
}

void Api::unsubscribe(const HttpRequest& request, Call call, const PartsPtr& parts) {
    change_channel(request, std::move(call), parts, wire::ChannelAction::Type::unsubscribe);
}

/// Claims first, as above.
void Api::change_channel(const HttpRequest& request, Call call, const PartsPtr& parts, wire::ChannelAction::Type type) {
    const auto target = target_of(request);
    std::string channel(request.param("channel"));
    // dSock's router decodes before it looks for segments.
    if (channel.find('/') != channel.npos) return not_found(request, std::move(call), parts);
    if (const auto problem = target_problem(target)) return call.fail(*problem);
    if (channel.find(',') != channel.npos) return call.fail(Code::invalid_channel);
    if (const auto problem = problem_of(channel)) return call.fail(*problem);

    auto operation = begin(request, std::move(call), parts, target);
    operation->parcel.content = wire::ChannelAction{.type = type, .channel = channel, .target = target};
    const bool ignore = parameter(request, "ignoreClaims") == "true";
    auto claims = ignore ? std::nullopt : claim_target_of(target);
    if (!claims) return dispatch(std::move(operation));
    const auto change =
        type == wire::ChannelAction::Type::subscribe ? auth::TopicChange::add : auth::TopicChange::remove;
    parts->claims->change_topic(std::move(*claims), std::move(channel), change,
                                [operation](const Result<std::size_t>& changed) mutable {
                                    if (!changed) return conclude(*operation, changed.error());
                                    dispatch(std::move(operation));
                                });
}

void Api::dispatch(OperationPtr operation) {
    run_on(*operation->parts->home, [operation] {
        operation->parts->directory->find(operation->target, [operation](Result<std::vector<WorkerRoute>> workers) {
            if (!workers) return conclude(*operation, std::move(workers).error());
            if (operation->refusal) return operation->call.fail(*operation->refusal);
            operation->parts->dispatcher->send(std::move(*workers), std::move(operation->parcel),
                                               [operation](Result<Effect> effect) {
                                                   if (!effect)
                                                       return operation->call.fail(Code::error_delivering_messaging);
                                                   conclude(*operation, std::move(effect));
                                               });
        });
    });
}

void Api::conclude(Operation& operation, Result<Effect> effect) {
    if (effect) {
        return operation.call.answer(operation.wants_report ? report(effect->connections, effect->complete)
                                                            : success());
    }
    const Code code = lookup_error(operation.target);
    if (code == Code::error_getting_connection) return operation.call.fail_without_id(code);
    operation.call.fail(code);
}

void Api::info(const HttpRequest& request, Call call, const PartsPtr& parts) {
    auto target = target_of(request);
    if (const auto problem = target_problem(target, Code::invalid_parameter)) return call.fail(*problem);
    run_on(*parts->home, [parts, call = std::move(call), target = std::move(target)]() mutable {
        parts->directory->list(
            target, [parts, call = std::move(call), target](Result<std::vector<ConnectionInfo>> found) mutable {
                if (!found) return call.fail(listing_error(target));
                list_claims(std::move(call), *parts, target, std::move(*found));
            });
    });
}

void Api::list_claims(Call call, const Parts& parts, const Target& target, std::vector<ConnectionInfo> connections) {
    auto claims = claim_target_of(target);
    if (!claims) return call.answer(broker::info(connections, {}));
    parts.claims->list(std::move(*claims), [call = std::move(call), connections = std::move(connections)](
                                               Result<std::vector<auth::Claim>> found) mutable {
        if (!found) return call.fail(Code::error_getting_claim);
        call.answer(broker::info(connections, *found));
    });
}

void Api::not_found(const HttpRequest&, Call call, const PartsPtr&) { call.answer(page_not_found()); }

}  // namespace cryo::broker
