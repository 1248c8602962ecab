// Actions: what a pure core asks its shell to do, and the names that both use for sockets.
//
// A core takes an event and `now` and appends actions to a list; it never acts itself. The shell carries
// them out in order. A list holds at most kMaxActions. Plain values.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

/// A peer behind our ROUTER: the four random bytes of the routing id that libzmq gave it.
using Route = std::uint32_t;
/// A candidate that we connect to: the index of its DEALER and SUBs, 0 .. kMaxLinks - 1.
using Link = std::uint8_t;

enum class Channel : std::uint8_t { publish, heartbeat };

/// Sends over our ROUTER. A token other than 0 comes back with the transmit stamp: on_sent(token, t1).
struct SendToRoute {
    Route route;
    Message message;
    std::uint64_t token = 0;
};

/// Sends over the DEALER of a link. The transport stamps t3 into a REPLY.
struct SendToLink {
    Link link;
    Message message;
};

/// Publishes over one of our PUB sockets; the codec derives the topic from the message. From `not_after` on
/// the shell drops it: the message may have waited for a disk until the lease that allowed it ended.
struct Publish {
    Channel channel;
    Message message;
    RawTime not_after = RawTime::max();
};

/// (Re)creates the DEALER of a link. An existing one is closed; its SUBs stay.
struct ConnectLink {
    Link link;
    Url poll;
};

/// (Re)creates the SUB sockets of a link: own corrections and rounds, and heartbeats where wanted. Without
/// `publish` only the one of heartbeats; the other stays as it is.
struct SubscribeLink {
    Link link;
    Url publish;
    Url heartbeat;  ///< empty: not wanted
};

struct DropLink {
    Link link;
};

/// The clock's map, bound or status changed: the shell writes the clock page (and steers the system clock).
struct PublishClock {};

/// The shell saves the elector's memory, which is durable before any later action of the list is carried out.
struct SaveState {};

/// The shell saves the known candidates and the clock's rate in a while; nothing waits for it.
struct SaveLearned {};

struct EmitEvent {
    Event event;
};

using Action = std::variant<SendToRoute, SendToLink, Publish, ConnectLink, SubscribeLink, DropLink,
                            PublishClock, SaveState, SaveLearned, EmitEvent>;

/// One correction and one event for each member, and a few others.
inline constexpr std::size_t kMaxActions = 4 * kMaxMembers + 256;

class Actions {
public:
    template <class A>
    void add(A action) {
        assert(list_.size() < kMaxActions);
        list_.emplace_back(std::move(action));
    }
    void clear() { list_.clear(); }
    bool empty() const { return list_.empty(); }
    std::size_t size() const { return list_.size(); }
    auto begin() const { return list_.begin(); }
    auto end() const { return list_.end(); }
    const Action& operator[](std::size_t i) const { return list_[i]; }

private:
    std::vector<Action> list_;
};

}  // namespace berkeley
