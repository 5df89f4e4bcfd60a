#pragma once

#include <memory>
#include <vector>

#include <cryo/broker/options.h>
#include <cryo/loop.h>

#include "effect.h"
#include "http_sender.h"

namespace cryo::broker {

/// Posts to the addresses that workers registered. What goes to one worker goes in order, a thousand at most that
/// wait; none waits for longer than `confirm_timeout`. Workers without an address are passed over, as dSock does.
class DirectMessenger final : public IMessenger {
public:
    DirectMessenger(LoopPtr home, std::shared_ptr<const BrokerOptions> options);

    void send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) override;

private:
    LoopPtr home_;
    std::shared_ptr<const BrokerOptions> options_;
    HttpSender sender_{{.max_in_lane = 1'000}};
};

}  // namespace cryo::broker
