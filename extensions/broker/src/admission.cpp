#include "admission.h"

#include <algorithm>
#include <utility>

#include "parameters.h"

namespace cryo::broker {
namespace {

HttpResponse refusal_of(const Error& error, const std::string& request_id) {
    switch (error.code) {
        case Errc::not_found:
            return failure(Code::missing_claim, {});
        case Errc::wrong_state:
            return failure(Code::expired_claim, request_id);
        case Errc::invalid_argument:
            return failure(Code::invalid_expiration, request_id, 500);
        default:
            return failure(Code::error_getting_claim, request_id);
    }
}

LoopPtr current(const std::vector<LoopPtr>& loops) {
    for (const auto& loop : loops) {
        if (loop->in_loop_thread()) return loop;
    }
    return loops.front();
}

}  // namespace

void Admission::Entry::refuse(HttpResponse response) {
    count(counters->refused);
    if (!request_id.empty()) response.headers.push_back({"X-Request-Id", request_id});
    reply.refuse(std::move(response));
}

void Admission::admit(const HttpRequest& request, UpgradeReply reply) {
    const auto parts = parts_.get();
    if (!parts) return reply.refuse(503, "the broker does not run");
    auto entry = std::make_shared<Entry>(Entry{.reply = std::move(reply),
                                               .counters = counters_,
                                               .parts = parts,
                                               .loop = current(parts->loops),
                                               .request_id = make_request_id(request),
                                               .claim_id = parameter(request, "claim")});
    if (!entry->claim_id.empty()) {
        if (entry->claim_id.size() > kMaxFieldBytes) return entry->refuse(failure(Code::missing_claim, {}));
        return parts->claims->find(entry->claim_id, [self = shared_from_this(), entry](Result<auth::Claim> found) {
            if (!found) return entry->refuse(refusal_of(found.error(), entry->request_id));
            run_on(*entry->loop, [self, entry, claim = std::move(*found)]() mutable {
                self->register_client(entry,
                                      {std::move(claim.user), std::move(claim.session), std::move(claim.topics)});
            });
        });
    }
    const auto token = parameter(request, "jwt");
    if (token.empty() || !parts->verifier) {
        return entry->refuse(failure(Code::missing_authentication, entry->request_id));
    }
    auto identity = identity_of_jwt(*parts, token);
    if (!identity) return entry->refuse(failure(Code::invalid_jwt, entry->request_id));
    register_client(entry, std::move(*identity));
}

void Admission::register_client(const EntryPtr& entry, Identity identity) {
    entry->channels = with_defaults(std::move(identity.channels));
    auto seat = entry->parts->worker->reserve(std::move(identity.user), std::move(identity.session), entry->channels);
    if (!seat) {
        const bool unusable = seat.error().code == Errc::invalid_argument;
        return entry->refuse(failure(unusable ? Code::invalid_parameter : Code::overloaded, entry->request_id));
    }
    entry->seat = std::move(*seat);
    entry->parts->worker->enter(entry->seat, [self = shared_from_this(), entry](bool registered) {
        if (!registered) {
            entry->seat.reset();
            const Code code = entry->claim_id.empty() ? Code::error_getting_connection : Code::error_getting_claim;
            return entry->refuse(failure(code, entry->request_id));
        }
        if (!entry->claim_id.empty()) return self->redeem(entry);
        entry->reply.accept(std::move(entry->seat));
    });
}

void Admission::redeem(const EntryPtr& entry) {
    entry->parts->claims->redeem(entry->claim_id, [self = shared_from_this(), entry](Result<auth::Claim> redeemed) {
        if (!redeemed) {
            entry->seat.reset();
            return entry->refuse(refusal_of(redeemed.error(), entry->request_id));
        }
        auto channels = self->with_defaults(std::move(redeemed->topics));
        if (channels == entry->channels) return entry->reply.accept(std::move(entry->seat));
        const auto seat = entry->seat;
        seat->worker->correct(seat, std::move(entry->channels), std::move(channels),
                              [entry] { entry->reply.accept(std::move(entry->seat)); });
    });
}

void Admission::probe(const HttpRequest& request, HttpReply reply) {
    Call call(request, std::move(reply), *options_, counters_);
    const auto parts = parts_.get();
    if (!parts) return call.fail(Code::stopped);
    const auto upgrade_needed = [] {
        HttpResponse response{.status = 400, .body = "Bad Request\n", .content_type = "text/plain; charset=utf-8"};
        response.headers.push_back({"Sec-Websocket-Version", "13"});
        return response;
    };
    const auto claim_id = parameter(request, "claim");
    if (!claim_id.empty()) {
        if (claim_id.size() > kMaxFieldBytes) return call.fail_without_id(Code::missing_claim);
        return parts->claims->find(
            claim_id, [upgrade_needed, call = std::move(call)](const Result<auth::Claim>& found) mutable {
                call.answer(found ? upgrade_needed() : refusal_of(found.error(), call.request_id()));
            });
    }
    const auto token = parameter(request, "jwt");
    if (token.empty() || !parts->verifier) return call.fail(Code::missing_authentication);
    if (!identity_of_jwt(*parts, token)) return call.fail(Code::invalid_jwt);
    call.answer(upgrade_needed());
}

Result<Admission::Identity> Admission::identity_of_jwt(const Parts& parts, const std::string& token) const {
    auto claims = parts.verifier->verify(token);
    if (!claims) return std::move(claims).error();
    Identity identity{std::move(claims->subject), std::move(claims->session), std::move(claims->topics)};
    const bool usable = identity.channels.size() <= options_->max_claim_channels &&
                        std::ranges::all_of(identity.channels, [](const std::string& channel) {
                            return !problem_of(channel) && channel.find(',') == channel.npos;
                        });
    if (!usable) return Error{Errc::invalid_argument, "the token has channels that cannot be stored"};
    return identity;
}

std::vector<std::string> Admission::with_defaults(std::vector<std::string> channels) const {
    for (const auto& channel : options_->default_channels) {
        if (std::ranges::find(channels, channel) == channels.end()) channels.push_back(channel);
    }
    return channels;
}

}  // namespace cryo::broker
