// LinkSockets: the connection to one candidate: a DEALER, SUBs to its two PUBs, and, where keys are used,
// which of the pinned keys it has.
//
// A URL does not say whose it is, so the pinned keys are tried one after the other until the DEALER's
// handshake succeeds; the one that did is tried first the next time. SUBs take the key that the DEALER has at
// that moment, and where that turns out to be another node's they are made anew with the right one: they try
// no keys themselves. Until then what they bring bears the name that belongs to their own key. Not
// thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "net/gate.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

class LinkSockets {
public:
    Socket& dealer() { return dealer_; }
    Socket& publish() { return publish_; }
    Socket& heartbeat() { return heartbeat_; }
    Socket& monitor() { return monitor_; }

    [[nodiscard]] Result<void> connect(zmq::context_t& context, Gate& gate, std::string_view url,
                                       RawTime now);
    [[nodiscard]] Result<void> subscribe(zmq::context_t& context, Gate& gate, std::string_view publish_url,
                                         std::string_view heartbeat_url, const NodeId& own_id);
    void close(int linger_ms);

    /// True: the sockets are new ones.
    bool on_event(const MonitorEvent& event, zmq::context_t& context, Gate& gate, RawTime now);
    /// Once a second, and with `keys_changed` right after the gate has adopted other keys. True: the sockets
    /// are new ones.
    bool tend(zmq::context_t& context, Gate& gate, bool keys_changed, RawTime now);

    /// Who is behind the DEALER, and behind the SUBs.
    std::optional<PeerIdentity> peer() const { return peer_; }
    std::optional<PeerIdentity> publisher() const { return wanted_.key == key_ ? peer_ : wanted_.peer; }
    void name_peer(const NodeId& id) {
        if (peer_ && peer_->id.empty()) peer_->id = id;
    }

private:
    /// What subscribe() was called for, and the key that its SUBs have.
    struct Subscriptions {
        Url publish;  ///< empty: nothing
        Url heartbeat;
        NodeId own_id;
        PublicKey key;
        std::optional<PeerIdentity> peer;  ///< whose it is
    };

    Result<void> open_subscriptions(zmq::context_t& context, Gate& gate);
    /// After a handshake of the DEALER. True: the SUBs are new ones.
    bool correct_subscriptions(zmq::context_t& context, Gate& gate, RawTime now);
    /// With the pin at pin_. False: no socket could be made.
    bool reopen(zmq::context_t& context, Gate& gate, RawTime now);
    bool refused(zmq::context_t& context, Gate& gate, RawTime now);

    Socket dealer_;
    Socket publish_;
    Socket heartbeat_;
    Socket monitor_;
    Url url_;
    Subscriptions wanted_;
    PublicKey key_;                     ///< the pin in use
    std::optional<PeerIdentity> peer_;  ///< whose it is
    std::size_t pin_ = 0;
    std::size_t tried_ = 0;    ///< pins that were refused since the last success or rest
    std::size_t hung_up_ = 0;  ///< handshakes without keys that got nowhere since the last success
    bool resting_ = false;     ///< all were; the next second begins anew
};

}  // namespace berkeley
