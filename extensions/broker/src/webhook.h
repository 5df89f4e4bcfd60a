#pragma once

#include <memory>
#include <string>

#include <cryo/broker/options.h>

#include "counters.h"
#include "http_sender.h"

namespace cryo::broker {

/// Posts messages of clients: the payload as body, who sent it in headers that begin with `Cryo-`.
///
/// Thread safety: any thread.
class Webhook {
public:
    Webhook(std::shared_ptr<const BrokerOptions> options, std::shared_ptr<Counters> counters);

    void forward(const ClientMessage& message);

private:
    const std::shared_ptr<const BrokerOptions> options_;
    const std::shared_ptr<Counters> counters_;
    HttpSender sender_;
};

/// What a receiver compares with `Cryo-Signature`: the HMAC-SHA256, in hexadecimal, of the values of `Cryo-Timestamp`,
/// `Cryo-Message-Id`, `Cryo-Connection`, `Cryo-User` and `Cryo-Session`, each followed by a line end, and the body.
std::string sign(std::string_view secret, std::string_view head, std::string_view body);

}  // namespace cryo::broker
