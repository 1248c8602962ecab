// Gate: whom the transport lets in. It knows the peers behind the bound sockets by what libzmq attached to their
// messages, ends the connections of those whose key was taken away, and of those who send or ask for too much.
//
//   handshake   -> ZapHandler: is the key authorised?  HandshakeLimit: how many at once?
//   message     -> admit(): whose is it, is the key still authorised, is it too many?
//   subscription-> the same
//   refresh()   -> reads the directory of keys again, and cuts what it no longer has
//
// Without credentials everybody is let in, and only the limits hold. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "io/drop_counters.hpp"
#include "io/handshake_limit.hpp"
#include "io/keyring.hpp"
#include "io/rate_limit.hpp"
#include "io/zap_handler.hpp"
#include "protocol/actions.hpp"

namespace berkeley {

/// A connection that asks for more topics is cut; a slave asks for three.
inline constexpr int kMaxSubscriptions = 16;
inline constexpr std::size_t kMaxPeers = 2 * kMaxMembers;

/// The bound sockets of a candidate.
enum class BoundSocket : std::uint8_t { poll, publish, heartbeat };

class Gate {
public:
    Gate(std::optional<Credentials> credentials, const RateLimitOptions& limit);

    bool secured() const { return credentials_.has_value(); }
    /// Requires: secured().
    const Credentials& credentials() const { return *credentials_; }

    /// Starts the ZAP handler. May throw zmq::error_t.
    void open(zmq::context_t& context);
    ZapHandler* zap() { return zap_ ? &*zap_ : nullptr; }
    /// Answers one handshake; false: there is none.
    bool serve_handshake(RawTime now);

    /// A message over the ROUTER: who sent it, or nothing where it must go no further. Without credentials:
    /// an identity without a name.
    std::optional<PeerIdentity> admit(Route route, zmq::message_t& payload, RawTime now);
    /// A subscription over one of the XPUBs; false: it must not be granted.
    [[nodiscard]] bool on_subscription(BoundSocket which, zmq::message_t& message);
    void on_connection(BoundSocket which, const MonitorEvent& event, RawTime now);

    /// True: keys were added or taken away; the links must be looked through.
    bool refresh(bool force, RawTime now);

    DropCounters& drops() { return drops_; }
    /// Something for the log, in a whole sentence; the same not twice a minute.
    void note(std::string text, RawTime now);
    std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

private:
    struct Peer {
        int fd = -1;
        PublicKey key;
        PeerIdentity who;
        RateLimit bucket;
        RawTime seen_at{};
    };
    struct Subscriber {
        PublicKey key;
        int subscriptions = 0;
    };

    /// Whose message it is, by its metadata; null where nobody is authorised to have sent it.
    const PeerIdentity* identify(zmq::message_t& message, PublicKey& key);
    Peer* peer_of(Route route, zmq::message_t& payload, RawTime now);

    std::optional<Credentials> credentials_;
    RateLimitOptions limit_;
    std::optional<ZapHandler> zap_;
    std::unordered_map<Route, Peer> peers_;
    std::unordered_map<int, Route> routes_;  ///< of the connections behind them
    std::array<std::unordered_map<int, Subscriber>, 3> subscribers_;
    std::array<HandshakeLimit, 3> handshakes_;
    DropCounters drops_;
    std::unordered_map<std::string, RawTime> noted_;
    std::vector<std::string> notes_;
};

}  // namespace berkeley
