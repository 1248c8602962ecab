// What a pure core may ask of its shell, and the names by which both speak of sockets.
//
// A core takes an event and `now` and appends actions to a list; it never does anything itself. The shell
// carries them out in order. Lists are bounded: kMaxActions. Plain values.
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
/// A candidate that we are connected to: index of its DEALER and SUBs, 0 .. kMaxCandidates - 1.
using Link = std::uint8_t;

enum class Channel : std::uint8_t { publish, heartbeat };

/// Over our ROUTER. A token other than 0 comes back with the transmit stamp: on_sent(token, t1).
struct SendToRoute {
    Route route;
    Message message;
    std::uint64_t token = 0;
};

/// Over the DEALER of a link. A REPLY gets its t3 from the transport.
struct SendToLink {
    Link link;
    Message message;
};

/// Over one of our PUB sockets; the codec derives the topic from the message. Dropped from `not_after` on:
/// what a lease allowed may have waited for a disk.
struct Publish {
    Channel channel;
    Message message;
    RawTime not_after = RawTime::max();
};

/// (Re)create the DEALER of a link. An existing one is closed, its SUBs stay.
struct ConnectLink {
    Link link;
    Url poll;
};

/// (Re)create the SUB sockets of a link: own corrections and rounds, and heartbeats where wanted.
struct SubscribeLink {
    Link link;
    Url publish;
    Url heartbeat;  ///< empty: not wanted
};

struct DropLink {
    Link link;
};

/// The clock's map, bound or status changed: write the clock page (and steer the system clock).
struct PublishClock {};

/// Persist what the core's `saved_state()` returns.
struct SaveState {};

struct EmitEvent {
    Event event;
};

using Action = std::variant<SendToRoute, SendToLink, Publish, ConnectLink, SubscribeLink, DropLink,
                            PublishClock, SaveState, EmitEvent>;

/// One correction and one event for each member, and a handful of others.
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
