// HandshakeLimit: bounds the connections of a bound socket whose handshake is not done.
//
// libzmq accepts every connection, and ends a silent one after its handshake interval. Within that time
// kManyHandshakes may be under way. When there are more, we look at those older than kHandshakeGrace and cut
// each that is not done. So connections that get nowhere push out each other, while an honest handshake is
// done long before.
//
// The grace is there because an honest handshake waits for nobody but us: the ZAP handler lives in our own
// loop, and after a stall of the loop it learns of all new connections at once. So an age counts from the
// moment that we were told, and more than most() are never under way, however young: beyond that we cut even
// young ones. Where descriptors run out we cut new connections at once, so that this node can still open
// files and sockets of its own.
//
// libzmq's events do not say whose handshake has succeeded, but the kernel counts the bytes of each
// connection. The bytes of a client prove nothing, since anybody can send bytes. With keys a handshake is
// done when the client has acknowledged our READY, which is sent only after the ZAP handler has admitted its
// key. Without keys anybody may come in, and a handshake is done when the client has sent as many bytes as
// one needs. Linux: the counts are TCP_INFO's; connections over ipc count as done.
#pragma once

#include <cstddef>
#include <deque>

#include "base/time.hpp"
#include "net/drop_counters.hpp"

namespace berkeley {

inline constexpr std::size_t kManyHandshakes = 256;
inline constexpr std::size_t kMaxPendingHandshakes = 2048;
/// Much longer than our loop needs, after a stall, to answer all handshakes that waited.
inline constexpr Duration kHandshakeGrace = std::chrono::milliseconds{500};
/// Descriptors that connections from outside must leave.
inline constexpr int kReservedFiles = 64;

class HandshakeLimit {
public:
    /// `secured`: handshakes are those of CURVE, which are longer.
    explicit HandshakeLimit(bool secured = false) : secured_(secured) {}

    void on_accepted(int fd, RawTime now, DropCounters& drops);
    void on_disconnected(int fd);
    /// Cuts the surplus. To be called about once a second too, for the case that no other connection comes.
    void shed(RawTime now, DropCounters& drops);

    /// kMaxPendingHandshakes, or fewer where this process has few descriptors.
    static std::size_t most();

private:
    bool is_done(int fd) const;

    struct Entry {
        int fd;
        RawTime accepted_at;
    };
    bool secured_;
    std::deque<Entry> pending_;  ///< accepted within the handshake interval, oldest first
};

/// Ends a connection that libzmq owns; libzmq notices and cleans up.
void cut(int fd);

}  // namespace berkeley
