// HandshakeLimit: bounds the connections of a bound socket whose handshake is not done.
//
// libzmq accepts whatever comes, and ends a silent connection after its handshake interval. Within that time
// kManyHandshakes may be under way: when there are more, those older than kHandshakeGrace are looked at, and
// cut unless they are done. So connections that get nowhere push out each other, while an honest one is done
// long before.
//
// The grace is there because an honest handshake may wait for nobody but us: the ZAP handler lives in our own
// loop, and when that stalled, it learns of all that came meanwhile at once. So an age counts from when we
// were told, and more than most() are never under way, however young: beyond that even those are cut. Where
// descriptors run out new connections are cut at once, so that files and sockets of our own can still be
// opened.
//
// libzmq's events do not say whose handshake has succeeded, but the kernel counts the bytes of each
// connection. What a client sends proves nothing, since anybody can send bytes. With keys a handshake is done
// when the client has acknowledged our READY, which is sent only after the ZAP handler has admitted its key.
// Without keys anybody may come in, and what it takes is to send as much as a handshake needs. Linux: the
// counts are TCP_INFO's; connections over ipc are held to be done.
#pragma once

#include <cstddef>
#include <deque>

#include "base/time.hpp"
#include "net/drop_counters.hpp"

namespace berkeley {

inline constexpr std::size_t kManyHandshakes = 256;
inline constexpr std::size_t kMaxPendingHandshakes = 2048;
/// Much longer than it takes to answer all that waited when our loop goes on after a stall.
inline constexpr Duration kHandshakeGrace = std::chrono::milliseconds{500};
/// Descriptors that connections from outside must leave.
inline constexpr int kReservedFiles = 64;

class HandshakeLimit {
public:
    /// `secured`: handshakes are those of CURVE, which are longer.
    explicit HandshakeLimit(bool secured = false) : secured_(secured) {}

    void on_accepted(int fd, RawTime now, DropCounters& drops);
    void on_disconnected(int fd);
    /// Cuts those that are too many by now. To be called about once a second too: there may be no other that
    /// comes.
    void shed(RawTime now, DropCounters& drops);

    /// kMaxPendingHandshakes, or less where those of all bound sockets would take most of this process'
    /// descriptors.
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
