// LinkSockets: the connection to one candidate: a DEALER, SUBs to its two PUBs, and, where keys are used,
// which of the pinned keys it has.
//
// A URL does not say whose it is, so the pinned keys are tried one after the other until the DEALER's
// handshake succeeds; the one that did is tried first the next time. SUBs take the key that the DEALER has at
// that moment, and are made anew where that turns out to be another node's: they try no keys themselves.
// Until then what they bring bears the name that belongs to their own key. The addresses of a name are tried
// likewise: SUBs at the DEALER's host begin with its address and follow it. Not thread-safe.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/gate.hpp"
#include "net/transport.hpp"
#include "net/tried_socket.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

class LinkSockets {
public:
    LinkSockets() = default;
    LinkSockets(const LinkSockets&) = delete;
    LinkSockets& operator=(const LinkSockets&) = delete;

    /// Requires: source is no router.
    TriedSocket& of(Source source) {
        return source == Source::dealer ? dealer_ : source == Source::publish ? publish_ : heartbeat_;
    }

    [[nodiscard]] Result<void> connect(const LinkContext& with, std::string_view url);
    /// Without `publish_url` only the SUB of heartbeats is made anew.
    [[nodiscard]] Result<void> subscribe(const LinkContext& with, std::string_view publish_url,
                                         std::string_view heartbeat_url, const NodeId& own_id);
    void close(int linger_ms);

    // Each returns true where sockets are new ones.

    bool on_event(Source source, const MonitorEvent& event, const LinkContext& with);
    /// To be called when due(), when a look-up has ended, and once a second.
    bool tend_addresses(const LinkContext& with);
    /// Once a second, and with `keys_changed` right after the gate has adopted other keys.
    bool tend_keys(const LinkContext& with, bool keys_changed);
    RawTime due() const { return std::min({dealer_.due(), publish_.due(), heartbeat_.due()}); }

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

    Result<void> open_subscriptions(const LinkContext& with);
    bool may_subscribe(const LinkContext& with) const;
    Result<void> open_heartbeat(const LinkContext& with);
    Result<void> open_subscription(const LinkContext& with, TriedSocket& socket, const Url& url,
                                   std::vector<std::string> topics);
    void note_unreached(const LinkContext& with);
    void close_subscriptions(int linger_ms = 0);
    bool correct_subscriptions(const LinkContext& with);
    void use_pin(const Gate& gate, const NodeId& known);
    /// All pins have their turn again.
    void begin_pins() {
        tried_ = 0;
        resting_ = false;
    }
    /// With the pin at pin_.
    bool reopen(const LinkContext& with);
    bool refused(const LinkContext& with);
    bool on_dealer_event(const MonitorEvent& event, const LinkContext& with);
    bool on_address_event(TriedSocket& socket, const MonitorEvent& event, const LinkContext& with);

    TriedSocket dealer_{zmq::socket_type::dealer};
    TriedSocket publish_{zmq::socket_type::sub};
    TriedSocket heartbeat_{zmq::socket_type::sub};
    Url url_;
    Subscriptions wanted_;
    Address answered_at_;               ///< where the DEALER's last handshake succeeded
    PublicKey key_;                     ///< the pin in use
    std::optional<PeerIdentity> peer_;  ///< whose it is
    std::size_t pin_ = 0;
    std::size_t tried_ = 0;    ///< pins that were refused since the last success or rest
    std::size_t hung_up_ = 0;  ///< handshakes without keys that got nowhere since the last success
    RawTime whole_at_{};       ///< when the DEALER and the SUBs were last connected, or not all tried
    bool resting_ = false;     ///< all pins were refused; the next second begins anew
};

}  // namespace berkeley
