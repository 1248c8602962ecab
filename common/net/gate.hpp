// Gate: decides who may come in. It knows each connection behind the bound sockets from its acceptance to its
// end. It ends a connection whose key was taken away, that sends or asks for too much or for something
// forbidden, or that says nothing.
//
//   handshake    -> is the key authorised, and does it not come too often? HandshakeLimit: how many at once?
//   message      -> admit(): whose is it, is the key still authorised, is it one too many?
//   subscription -> on_upstream(): the same, and may it subscribe?
//   adopt()      -> takes a new keyring, and cuts connections whose key is no longer in it
//   tend()       -> cuts silent connections
//
// The first message tells whose a connection is: libzmq's handshake names no connection, and its events no
// key. So when a key is taken away, silent connections are cut too, since each may be its own; honest peers
// come back. Without credentials everybody is let in, and only the limits hold. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "keys/credentials.hpp"
#include "net/connections.hpp"
#include "net/drop_counters.hpp"
#include "net/handshake_limit.hpp"
#include "net/key_accounts.hpp"
#include "net/notes.hpp"
#include "net/own_routes.hpp"
#include "net/stranger_limit.hpp"
#include "net/zap_handler.hpp"
#include "protocol/actions.hpp"

namespace berkeley {

/// A connection that asks for more topics is cut; a slave asks for three.
inline constexpr int kMaxSubscriptions = 16;
inline constexpr std::size_t kMaxPeers = 2 * kMaxMembers;

class Gate {
public:
    Gate(const std::optional<Credentials>& credentials, const PeerLimits& limits);

    bool secured() const { return own_.has_value(); }
    /// Requires: secured(), here and below.
    const NodeId& own_id() const { return own_->id; }
    const KeyPair& own_keys() const { return own_->keys; }
    const Keyring& ring() const { return *ring_; }

    /// Starts the ZAP handler. May throw zmq::error_t.
    void open(zmq::context_t& context);
    ZapHandler* zap() { return zap_ ? &*zap_ : nullptr; }

    /// Takes a handshake; false: there is none. Requires: secured(), here and below.
    bool next_handshake() { return (handshake_ = zap_->next()) != ZapHandler::Request::none; }
    /// Answers the handshake that was taken.
    void answer_handshake(RawTime now);

    /// This socket is a new one: the connections of the old one are gone.
    void on_bound(BoundSocket which);
    /// The first id that the new ROUTER has given.
    void begin_routes(std::optional<Route> first) { routes_.begin(first); }
    /// To be called before any message or handshake that came after the event.
    void on_connection(BoundSocket which, const MonitorEvent& event, RawTime now);

    /// Whether a message of this peer was admitted not long ago.
    bool knows(Route route) const { return peers_.contains(route); }
    /// Returns the sender of a message over the ROUTER, or nothing where it must go no further. Without
    /// credentials the identity has no name. No route: the sender chose a routing id for itself.
    std::optional<PeerIdentity> admit(std::optional<Route> route, zmq::message_t& payload, RawTime now);

    /// The kind of a frame from a subscriber.
    enum class Upstream : std::uint8_t {
        subscription,  ///< or its end
        foreign,       ///< no subscriber sends this
        ambiguous,     ///< nobody can tell whose it is
    };
    /// False: the subscription must not be granted.
    [[nodiscard]] bool on_upstream(BoundSocket which, Upstream kind, zmq::message_t& frame, RawTime now);

    /// Cuts connections over which bytes come and no message: libzmq hands out whole messages only, and keeps
    /// all bytes of a message without end. To be called at each turn; now and then it looks at a share of
    /// them.
    void cut_endless(RawTime now);

    /// To be called about once a second.
    void tend(RawTime now);
    /// From now on these keys count. True: they are others than before; the links must be looked through.
    /// Requires: secured().
    bool adopt(std::shared_ptr<const Keyring> ring, RawTime now);

    DropCounters& drops() { return drops_; }
    /// A line for the log.
    void note(std::string text, RawTime now) { notes_.add(Notes::About::members, std::move(text), now); }
    std::vector<std::string> take_notes() { return notes_.take(); }

private:
    /// The sender of a message. Its connection is null where that is gone, or within this process.
    struct Speaker {
        PublicKey key;
        PeerIdentity who;
        Connection* connection = nullptr;
    };
    struct Peer {
        PublicKey key;
        PeerIdentity who;
        int fd = -1;  ///< of its connection, while that lasts
        RawTime seen_at{};
    };

    std::optional<Speaker> identify(BoundSocket which, zmq::message_t& message, RawTime now);
    bool authenticate(zmq::message_t& message, Speaker& speaker);
    Peer* peer_of(Route route, zmq::message_t& payload, RawTime now);
    /// Counts a message. False: the peer may send no more for now.
    bool spend(const PublicKey& key, const PeerIdentity& who, Connection* connection, RawTime now);
    void note_failure(BoundSocket which, const std::string& why);
    void name_failure(BoundSocket which, const std::string& address, RawTime now);
    void end(Connection& connection);
    void on_accepted(BoundSocket which, int fd, RawTime now);
    void forget(const Connection& connection);
    void cut_revoked(bool silent_too);

    struct Own {
        NodeId id;
        KeyPair keys;
    };

    std::optional<Own> own_;  ///< nothing: without keys
    std::shared_ptr<const Keyring> ring_;
    PeerLimits limits_;
    std::optional<ZapHandler> zap_;
    ZapHandler::Request handshake_ = ZapHandler::Request::none;
    std::unordered_map<Route, Peer> peers_;
    Connections connections_;
    OwnRoutes routes_;
    KeyAccounts accounts_;
    std::array<HandshakeLimit, kBoundSockets> handshakes_;
    StrangerLimit strangers_;
    /// A handshake that failed, and whose address is not known yet: why, or empty.
    std::array<std::optional<std::string>, kBoundSockets> failures_;
    DropCounters drops_;
    Notes notes_;
    RawTime look_at_{};  ///< when cut_endless() looks again
};

}  // namespace berkeley
