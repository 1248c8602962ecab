// BoundSockets: the sockets that others connect to: a ROUTER for polls and two XPUBs, each with the events of
// its connections and the frames of its subscribers. The gate judges all of them. Not thread-safe.
//
// The gate must learn of a connection's events before the messages, subscriptions and handshakes that came
// after them. So the caller takes the events first; take_upstream() does so itself.
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
    /// A null socket where it was not bound.
    Socket& socket(BoundSocket which) { return at(which).socket; }
    Socket& monitor(BoundSocket which) { return at(which).monitor; }

    /// Replaces an earlier socket.
    [[nodiscard]] Result<Url> bind(zmq::context_t& context, Gate& gate, BoundSocket which,
                                   std::string_view url);
    void close(int linger_ms);

    /// Takes one frame of a subscriber. False: there is none. Requires: `which` is bound, and an XPUB.
    bool take_upstream(BoundSocket which, Gate& gate, const RawSource& clock);
    /// Tells the gate what has happened to the connections of a socket until now.
    void take_events(BoundSocket which, Gate& gate, const RawSource& clock);
    void take_all_events(Gate& gate, const RawSource& clock);

private:
    struct Bound {
        Socket socket;
        Socket monitor;
        bool ambiguous = false;  ///< see take_upstream()
    };
    Bound& at(BoundSocket which) { return bound_[static_cast<std::size_t>(which)]; }

    std::array<Bound, kBoundSockets> bound_;
};

}  // namespace berkeley
