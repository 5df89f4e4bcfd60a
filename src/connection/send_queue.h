#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/connection.h>
#include <cryo/options.h>

namespace cryo::connection {

/// A message on its way out, not encoded yet. Borrowed for the call.
struct OutgoingMessage {
    MessageKind kind{};
    Bytes payload{};
    std::string_view dedupe_key{};
    const std::shared_ptr<const PreparedMessage::Encoded>* prepared = nullptr;  ///< When it was prepared for many.
};

/// The messages of a throttled connection, under the caps and the policy of `Backpressure`. Not encoded yet, so that
/// what is replaced or dropped leaves no gap on the wire.
class SendQueue {
public:
    class Item {
    public:
        explicit Item(const OutgoingMessage& message);

        OutgoingMessage message() const noexcept {
            return {kind_, payload(), dedupe_key_, prepared_ ? &prepared_ : nullptr};
        }
        MessageKind kind() const noexcept { return kind_; }
        Bytes payload() const noexcept { return prepared_ ? prepared_payload_ : Bytes(copy_); }
        const std::string& dedupe_key() const noexcept { return dedupe_key_; }
        /// What it counts for: payload and key.
        std::size_t bytes() const noexcept { return payload().size() + dedupe_key_.size(); }

    private:
        MessageKind kind_;
        std::vector<std::byte> copy_{};
        std::shared_ptr<const PreparedMessage::Encoded> prepared_{};
        Bytes prepared_payload_{};
        std::string dedupe_key_;
    };

    struct Dropped {
        Item item;
        DropReason reason{};
    };

    explicit SendQueue(const Backpressure& limits) noexcept : limits_(limits) {}

    bool empty() const noexcept { return items_.empty(); }
    std::size_t count() const noexcept { return items_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }

    /// `queued`, `dropped` or `too_large`. What loses its place, the new message included, is added to `dropped`.
    SendStatus push(const OutgoingMessage& message, std::vector<Dropped>& dropped);
    Item pop_front();

private:
    void supersede(const Item& item, std::vector<Dropped>& dropped);
    bool holds_same(const Item& item) const noexcept;
    bool fits(const Item& item) const noexcept;

    const Backpressure& limits_;
    std::deque<Item> items_{};
    std::size_t bytes_ = 0;
};

}  // namespace cryo::connection
