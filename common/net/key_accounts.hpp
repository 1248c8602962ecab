// KeyAccounts: counts what each authorised key spends over all its connections: messages, admissions,
// connections.
//
// A key belongs to one node or one tool. We limit by key: a peer can open any number of connections. Bounded
// by the authorised keys, since no others come so far, and by forget(). Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/time.hpp"
#include "keys/curve_keys.hpp"
#include "net/rate_limit.hpp"
#include "protocol/permissions.hpp"

namespace berkeley {

/// The limits of a peer; 0: no limit.
struct PeerLimits {
    RateLimitOptions messages;         ///< of a key; without keys, of a connection
    RateLimitOptions node_admissions;  ///< of the key of a node
    RateLimitOptions tool_admissions;  ///< of any other key
    int connections = 0;               ///< of a key, counted once they have spoken
    Duration silence{};                ///< a connection that stays silent for so long is cut
};

class KeyAccounts {
public:
    explicit KeyAccounts(const PeerLimits& limits) : limits_(limits) {}

    enum class Admission : std::uint8_t { granted, too_often, too_many };
    /// Judges a handshake with this key. A refused one costs nothing.
    [[nodiscard]] Admission admit(const PublicKey& key, AccessRole role, RawTime now);
    /// A connection has spoken for the first time; false: it is one too many, and does not count.
    [[nodiscard]] bool connected(const PublicKey& key, RawTime now);
    /// Requires: connected() was true for it.
    void disconnected(const PublicKey& key);
    [[nodiscard]] RateLimit::Verdict message(const PublicKey& key, RawTime now);

    /// Forgets keys that were silent for long.
    void forget(RawTime now);
    std::size_t size() const { return accounts_.size(); }

private:
    struct Account {
        RateLimit messages;
        std::optional<RateLimit> admissions;
        int connections = 0;
        RawTime seen_at{};
    };
    Account& of(const PublicKey& key, RawTime now);
    bool full(const Account& account) const {
        return limits_.connections != 0 && account.connections >= limits_.connections;
    }

    PeerLimits limits_;
    std::unordered_map<PublicKey, Account> accounts_;
};

}  // namespace berkeley
