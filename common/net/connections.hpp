// Connections: the connections behind the bound sockets, as libzmq's events tell of them.
//
//   accepted()   there is a descriptor, and no name yet
//   find()       a message came over it: its metadata holds the descriptor and the number of its admission
//   gone()       it is disconnected; the descriptor may belong to another connection from now on
//
// A message may be looked at after its connection has gone and its descriptor is used again. The ZAP handler
// numbers its admissions, and a connection's own comes after its acceptance: a smaller number belongs to an
// earlier connection. Requires: events of a socket come here before the messages and handshakes that came
// after them. Bounded by the descriptors of the process. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "keys/keyring.hpp"
#include "net/rate_limit.hpp"
#include "protocol/actions.hpp"

namespace berkeley {

/// The bound sockets of a candidate.
enum class BoundSocket : std::uint8_t { poll, publish, heartbeat };
inline constexpr std::size_t kBoundSockets = 3;

struct Connection {
    int fd = -1;
    RawTime accepted_at{};
    /// The least number that its own admission can have.
    std::uint64_t first_admission = 0;
    RateLimit bucket;     ///< where there are no keys
    std::string address;  ///< of the peer; empty: not over TCP
    bool cut = false;     ///< ended by us, and not yet gone
    /// A message came over it and told the fields below.
    bool spoke = false;
    PublicKey key{};
    PeerIdentity who{};
    std::optional<Route> route{};
    int subscriptions = 0;
    NodeId subscriber{};  ///< whose corrections it subscribes to; empty: not known
    /// Whether a message came over it since we last looked, and the bytes that it had carried then.
    bool heard = false;
    std::uint64_t bytes = 0;
};

/// A connection that brings more bytes between two messages is cut.
inline constexpr std::uint64_t kMaxUnfinishedBytes = 4 << 20;

/// Whether too many bytes have come since its last message. To be called now and then, with the kernel's
/// count. The descriptor may belong to a younger connection already, of which no event has come yet: that one
/// has brought fewer bytes, and is looked at afresh.
bool is_endless(Connection& connection, std::uint64_t received);

class Connections {
public:
    /// Requires: gone() was called for an earlier connection with this descriptor.
    void accepted(BoundSocket which, const Connection& connection);
    /// Returns the connection that has ended; nothing where it was not known.
    std::optional<Connection> gone(BoundSocket which, int fd);
    /// Null: the connection of that admission is gone.
    Connection* find(BoundSocket which, int fd, std::uint64_t admission);
    /// The connection that has this descriptor now.
    Connection* find(BoundSocket which, int fd);
    /// Takes all connections of a socket that was closed: libzmq does not tell of their end.
    std::vector<Connection> clear(BoundSocket which);

    template <class Visit>
    void for_each(Visit visit) {
        for (Table& table : tables_) {
            for (auto& [fd, connection] : table) visit(connection);
        }
    }

    /// Visits the connections of the next `count` descriptors, going on where the last call ended.
    template <class Visit>
    void for_next(int count, Visit visit) {
        for (; count > 0; --count) {
            for (Table& table : tables_) {
                if (const auto found = table.find(next_); found != table.end()) visit(found->second);
            }
            next_ = next_ < highest_ ? next_ + 1 : 0;
            if (next_ == 0) return;
        }
    }

private:
    using Table = std::unordered_map<int, Connection>;
    Table& of(BoundSocket which) { return tables_[static_cast<std::size_t>(which)]; }

    std::array<Table, kBoundSockets> tables_;
    int next_ = 0;     ///< the descriptor that for_next() goes on with
    int highest_ = 0;  ///< the highest descriptor so far
};

}  // namespace berkeley
