// LinkSockets: the connection to one candidate: a DEALER, SUBs to its two PUBs, and, where keys are used, which
// of the pinned keys it has.
//
// A URL does not say whose it is, so the pinned keys are tried one after the other until a handshake succeeds;
// the one that did is tried first the next time. Not thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "io/gate.hpp"
#include "io/zmq_socket.hpp"

namespace berkeley {

class LinkSockets {
public:
    Socket& dealer() { return dealer_; }
    Socket& publish() { return publish_; }
    Socket& heartbeat() { return heartbeat_; }
    Socket& monitor() { return monitor_; }

    [[nodiscard]] Result<void> connect(zmq::context_t& context, Gate& gate, std::string_view url, RawTime now);
    [[nodiscard]] Result<void> subscribe(zmq::context_t& context, Gate& gate, std::string_view publish_url,
                                         std::string_view heartbeat_url, const NodeId& own_id);
    void close(int linger_ms);

    /// True: the sockets are new ones.
    bool on_event(const MonitorEvent& event, zmq::context_t& context, Gate& gate, RawTime now);
    /// Once a second. `keys_changed`: the pinned keys are others than before. True: the sockets are new ones.
    bool tend(zmq::context_t& context, Gate& gate, bool keys_changed, RawTime now);

    std::optional<PeerIdentity> peer() const { return peer_; }
    void name_peer(const NodeId& id) {
        if (peer_ && peer_->id.empty()) peer_->id = id;
    }

private:
    /// With the pin at pin_. False: no socket could be made.
    bool reopen(zmq::context_t& context, Gate& gate, RawTime now);
    bool refused(zmq::context_t& context, Gate& gate, RawTime now);

    Socket dealer_;
    Socket publish_;
    Socket heartbeat_;
    Socket monitor_;
    Url url_;
    PublicKey key_;                     ///< the pin in use
    std::optional<PeerIdentity> peer_;  ///< whose it is
    std::size_t pin_ = 0;
    std::size_t tried_ = 0;  ///< pins that were refused since the last success or rest
    bool resting_ = false;   ///< all were; the next second begins anew
};

}  // namespace berkeley
