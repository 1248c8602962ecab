// BoundSockets: what others connect to: a ROUTER for polls and two XPUBs, each with the events of its
// connections, and with what comes up from the subscribers. What that means is for the gate to say. Not
// thread-safe.
//
// Of one socket the events must reach the gate before the messages, subscriptions and handshakes that came
// after them: who takes one of those takes the events first, as take_upstream() does itself.
#pragma once

#include <array>
#include <string_view>

#include "base/raw_source.hpp"
#include "net/connections.hpp"
#include "net/gate.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

class BoundSockets {
public:
    /// Null where it was not bound.
    Socket& socket(BoundSocket which) { return at(which).socket; }
    Socket& monitor(BoundSocket which) { return at(which).monitor; }

    /// In place of the one that there was.
    [[nodiscard]] Result<Url> bind(zmq::context_t& context, Gate& gate, BoundSocket which,
                                   std::string_view url);
    void close(int linger_ms);

    /// One frame from a subscriber. False: there is none. Requires: `which` is bound, and an XPUB.
    bool take_upstream(BoundSocket which, Gate& gate, const RawSource& clock);
    /// What has happened to the connections of a socket until now.
    void take_events(BoundSocket which, Gate& gate, const RawSource& clock);
    void take_all_events(Gate& gate, const RawSource& clock);

private:
    struct Bound {
        Socket socket;
        Socket monitor;
        bool disturbed = false;  ///< see take_upstream()
    };
    Bound& at(BoundSocket which) { return bound_[static_cast<std::size_t>(which)]; }

    std::array<Bound, kBoundSockets> bound_;
};

}  // namespace berkeley
