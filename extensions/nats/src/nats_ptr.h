#pragma once

#include <memory>
#include <string_view>

#include <nats/nats.h>

namespace cryo::nats {

/// Calls the library's destroy function.
template <auto Destroy>
struct Destroyer {
    template <class T>
    void operator()(T* object) const noexcept {
        Destroy(object);
    }
};

using OptionsPtr = std::unique_ptr<natsOptions, Destroyer<&natsOptions_Destroy>>;
using ConnectionPtr = std::unique_ptr<natsConnection, Destroyer<&natsConnection_Destroy>>;
using SubscriptionPtr = std::unique_ptr<natsSubscription, Destroyer<&natsSubscription_Destroy>>;
using MessagePtr = std::unique_ptr<natsMsg, Destroyer<&natsMsg_Destroy>>;

/// What the library says of the last failure on this thread; holds no secrets.
inline std::string_view last_error(natsStatus status) noexcept {
    natsStatus ignored = NATS_OK;
    const char* text = nats_GetLastError(&ignored);
    return text && *text ? text : natsStatus_GetText(status);
}

}  // namespace cryo::nats
