// Transport: the sockets of a node. Only this room uses ZeroMQ, and no header that others include shows it.
//
//   ROUTER   poll endpoint of a candidate: slaves are behind it, each named by a Route
//   PUB x2   corrections and rounds (publish), heartbeats (heartbeat); XPUB, so that subscriptions are seen
//   Link     a candidate that we connect to: DEALER, and SUBs to its two PUBs
//
// The duty cycle of a program:  wake = poll(deadline); while (receive(in)) ...; fire timers.
// One poll() drains every readable socket at once, up to a share for each, and stamps each message right
// after its reception: a message that waits behind others is stamped early, so the work on those does not
// count as its network delay, and no flood can keep the timers waiting. The ROUTER comes first, then DEALERs,
// then SUBs: the time-critical before the rest.
//
// Sends never block. A message that cannot be sent or must not be received is counted by reason; it is never
// fatal, and only deadlines tell that a peer is gone. No exception leaves. Not thread-safe: one thread, one
// Transport.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/raw_source.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "keys/credentials.hpp"
#include "net/key_accounts.hpp"
#include "net/names.hpp"
#include "os/doorbell.hpp"
#include "protocol/actions.hpp"
#include "protocol/events.hpp"
#include "wire/codec.hpp"

namespace berkeley {

enum class Source : std::uint8_t { router, dealer, publish, heartbeat };

struct Inbound {
    Source source = Source::router;
    Route route = 0;  ///< where source is router
    Link link = 0;    ///< otherwise
    /// Where keys are used: the owner of the sender's key. Its id is empty where a server's key was pinned
    /// without a name and name_peer() was not called yet. Messages without an authorised key never come so
    /// far.
    std::optional<PeerIdentity> peer;
    RawTime received_at{};
    std::span<const std::byte> payload;  ///< valid until the next call of receive() or poll()
};

enum class SendOutcome : std::uint8_t {
    sent,
    unreachable,  ///< this peer has left (ROUTER), or there is no such socket
    full,         ///< its queue is full (counted where it is a route's), or the link is not connected yet
};

struct Sent {
    SendOutcome outcome = SendOutcome::unreachable;
    RawTime stamp{};  ///< right before the payload was handed to libzmq
    bool ok() const { return outcome == SendOutcome::sent; }
};

struct Wake {
    bool readable = false;      ///< receive() has something
    bool deadline = false;      ///< the deadline given to poll() has passed
    std::optional<int> signal;  ///< SIGINT, SIGTERM or SIGHUP
    bool rung = false;          ///< the doorbell of the options rang
    bool woken = false;         ///< `witnesses` of the options has news
};

struct TransportOptions {
    RawSource clock;
    /// Takes SIGINT, SIGTERM and SIGHUP for the whole process; at most one Transport of a process does.
    bool handle_signals = false;
    /// Another thread wakes poll() with it. May be null.
    std::shared_ptr<const Doorbell> doorbell;
    /// A descriptor that wakes poll() while it is readable; the caller drains it. -1: none.
    int witnesses = -1;
    /// For inproc endpoints between two Transports of one process: use the other's context.
    const class Transport* share_context_with = nullptr;
    /// CURVE on every socket, and only authorised keys and pinned servers. Nothing: in the clear.
    std::optional<Credentials> credentials;
    /// Limits of the peers behind the bound sockets.
    PeerLimits peer_limits;
    /// How names in URLs are looked up. Nothing: addresses only.
    LookUp look_up;
};

class Transport {
public:
    [[nodiscard]] static Result<std::unique_ptr<Transport>> create(const TransportOptions& options);

    ~Transport();  ///< close(0)
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Binds, and returns the URL with the port that the system chose where 0 or * was asked for.
    [[nodiscard]] Result<Url> bind_poll(std::string_view url);
    [[nodiscard]] Result<Url> bind_publish(Channel channel, std::string_view url);

    /// (Re)creates the DEALER. Requires: link < kMaxLinks, here and below.
    [[nodiscard]] Result<void> connect_link(Link link, std::string_view url);
    /// (Re)creates the SUBs: own corrections and rounds, and heartbeats unless that URL is empty. Without
    /// `publish_url` only the one of heartbeats.
    [[nodiscard]] Result<void> subscribe_link(Link link, std::string_view publish_url,
                                              std::string_view heartbeat_url, const NodeId& own_id);
    /// Closes the three sockets; unsent messages to this candidate have `linger` to leave.
    void drop_link(Link link, Duration linger = Duration{0});

    /// Names the server of this link, where its key was pinned without a name.
    void name_peer(Link link, const NodeId& id);

    /// To be called about once a second: forgets peers that left, cuts silent connections, tries other keys
    /// for links that are refused, and looks up names of links that are silent.
    void tend();

    /// From now on these keys count: peers that lost their authorisation are cut off, and servers that lost
    /// their pin are left. Requires: credentials were given.
    void adopt(std::shared_ptr<const Keyring> ring);

    /// A REPLY (stamp_at != 0) gets its t3 here, in the last moment.
    Sent send(Route route, Encoded& message);
    Sent send(Link link, Encoded& message);
    /// False: this channel was not bound, or its queue is full.
    bool publish(Channel channel, std::string_view topic, const Encoded& message);

    /// Sleeps until something can be received, a signal came, or the deadline is there (to a microsecond or
    /// so).
    Wake poll(RawTime deadline);
    Wake wait(Duration timeout);

    /// The next message that poll() brought in; false when there is none: then poll again.
    bool receive(Inbound& in);
    /// The address that the message of the last receive() came from; empty: over ipc or within this process.
    std::string sender_address();

    /// The drops since the last call, by reason.
    std::vector<DroppedEvent> take_drops();
    /// Lines for the log, the same at most once a minute.
    std::vector<std::string> take_notes();

    /// Ends everything; messages under way (BYE, STEPDOWN) have `linger` to leave. Nothing works afterwards.
    void close(Duration linger);

private:
    struct Impl;
    explicit Transport(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Most messages that one poll() brings in.
inline constexpr std::size_t kMaxReceivePerPoll = 32 + 3 * 4 * kMaxLinks;

/// Raises the soft limit of open files to the hard one: a candidate holds three connections a slave.
void raise_file_limit();

}  // namespace berkeley
