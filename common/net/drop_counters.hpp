// DropCounters: counts what the transport did not let through, by reason, with the last sender of each.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/events.hpp"

namespace berkeley {

enum class Drop : std::uint8_t {
    foreign_routing_id,
    extra_frames,
    missing_frames,
    unreachable,
    send_queue_full,
    send_failed,
    receive_failed,
    unauthenticated,         ///< a message without an authorised key behind it
    revoked_key,             ///< its key was authorised once
    unauthorised_key,        ///< a handshake refused: the key is in no file
    failed_handshake,        ///< a stranger with another mechanism or server key, with garbage or silence
    crowded_handshake,       ///< cut, since too many were under way
    file_limit,              ///< cut, since descriptors run out
    rate_limited,            ///< a message beyond what one peer may send
    flood,                   ///< a connection cut for that
    excess_subscriptions,    ///< a connection cut for asking for too much
    forbidden_subscription,  ///< a connection cut that may not subscribe
    malformed_subscription,  ///< a connection cut that sent a publisher something else
    ambiguous_subscription,  ///< a connection cut, since libzmq may have taken it for another
    admission_limit,         ///< a handshake refused: its key comes too often
    too_many_connections,    ///< a handshake refused, or a connection cut: its key has enough
    silent_connection,       ///< a connection cut over which nothing came
    endless_message,         ///< a connection cut over which bytes came and no message
    too_many_peers,
    wasted_handshakes,  ///< cut: its address has made too many handshakes that led to nothing
    self_connection,    ///< a connection of ours to itself, where nobody listens
};

class DropCounters {
public:
    /// `from`: the address of the peer, where it is known.
    void count(Drop drop, std::string from = {}) {
        ++counts_[static_cast<std::size_t>(drop)];
        if (!from.empty()) from_[static_cast<std::size_t>(drop)] = std::move(from);
    }
    std::uint64_t of(Drop drop) const { return counts_[static_cast<std::size_t>(drop)]; }

    /// The counters that have risen since the last call.
    std::vector<DroppedEvent> take() {
        std::vector<DroppedEvent> result;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            if (counts_[i] == 0) continue;
            result.push_back({kNames[i], std::exchange(counts_[i], 0), std::exchange(from_[i], {})});
        }
        return result;
    }

private:
    static constexpr std::array<std::string_view, 26> kNames{
        "foreign-routing-id",
        "extra-frames",
        "missing-frames",
        "unreachable",
        "send-queue-full",
        "send-failed",
        "receive-failed",
        "unauthenticated",
        "revoked-key",
        "unauthorised-key",
        "failed-handshake",
        "crowded-handshake",
        "file-limit",
        "rate-limited",
        "flood",
        "excess-subscriptions",
        "forbidden-subscription",
        "malformed-subscription",
        "disturbed-subscription",
        "admission-limit",
        "too-many-connections",
        "silent-connection",
        "endless-message",
        "too-many-peers",
        "wasted-handshakes",
        "self-connection",
    };
    static_assert(kNames.size() == static_cast<std::size_t>(Drop::self_connection) + 1);
    std::array<std::uint64_t, kNames.size()> counts_{};
    std::array<std::string, kNames.size()> from_;  ///< of the last one
};

}  // namespace berkeley
