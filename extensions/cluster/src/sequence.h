#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cryo::cluster {

/// Numbers what one node sends in one life, so that receivers can tell duplicates and gaps on each channel.
class SendSequence {
public:
    struct Stamp {
        std::uint64_t sequence = 0;
        std::uint32_t back = 0;  ///< See `Envelope::back`.
    };

    Stamp next(std::string_view channel);
    /// A new life begins.
    void restart();

private:
    /// What was last sent on a channel. One place for many channels, the latest has it: to forget one costs no more
    /// than that a gap goes unnoticed, and the memory does not grow with the channels.
    struct Slot {
        std::size_t channel_hash = 0;
        std::uint64_t sequence = 0;
    };
    static constexpr std::size_t kSlots = 1u << 16;

    std::uint64_t last_ = 0;
    std::vector<Slot> slots_ = std::vector<Slot>(kSlots);
};

/// What came last on one channel, from each sender.
class ReceiveSequence {
public:
    enum class Verdict { in_order, after_gap, duplicate };

    /// @param life a number that no other life of any node has
    Verdict take(std::uint32_t life, std::uint64_t sequence, std::uint32_t back);

    std::size_t size() const noexcept { return last_.size(); }
    /// Forgets the lives for which `gone` says true.
    template <class Predicate>
    void forget_if(Predicate gone) {
        std::erase_if(last_, [&](const Last& last) { return gone(last.life); });
    }

private:
    struct Last {
        std::uint32_t life;
        std::uint64_t sequence;
    };

    std::vector<Last> last_;
};

}  // namespace cryo::cluster
