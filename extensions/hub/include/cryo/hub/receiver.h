#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/hub/audience.h>

namespace cryo::hub {

/// What was published, and to whom. Shared by loops and threads: immutable.
struct Publication {
    Audience audience;
    PreparedMessage message;
};

using PublicationPtr = std::shared_ptr<const Publication>;

/// How the receivers of one protocol want publications on the wire, when that is not as they were published.
///
/// A publication is encoded once for each form that its receivers in this process have, however many they are and on
/// however many loops. Receivers share a form by sharing the object: one for each protocol, not one for each receiver.
/// Thread safety: `encode` is called on all loops, at the same time for different publications. What it throws is told
/// to `Server::on_error`, and drops the publication for this form.
class CRYO_API IWireForm {
public:
    virtual ~IWireForm() = default;

    /// Nothing: receivers of this form do not get this publication; it counts as dropped for each of them.
    virtual std::optional<PreparedMessage> encode(const Publication& publication) const = 0;
};

/// A receiver that is neither a Cryo session nor a WebSocket connection, such as a client that polls over HTTP.
///
/// Thread safety: called on the loop it was attached on. It may call the hub from within. What it throws is told to
/// `Server::on_error` and taken as `SendStatus::dropped`.
class CRYO_API IReceiver {
public:
    virtual ~IReceiver() = default;

    /// Takes a publication, in the receiver's wire form, at once: what cannot leave yet is kept within limits of its
    /// own, or dropped.
    virtual SendStatus deliver(const PreparedMessage& message) = 0;
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    virtual bool is_open() const noexcept = 0;
    virtual std::string_view remote_address() const noexcept = 0;
    /// When its peer last gave a sign of life, if that is known.
    virtual std::optional<std::chrono::steady_clock::time_point> last_heard() const noexcept { return std::nullopt; }
};

}  // namespace cryo::hub
