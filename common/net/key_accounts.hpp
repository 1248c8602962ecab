// KeyAccounts: what each authorised key spends, over all its connections: messages, admissions, connections.
//
// A key is one node's, or one tool's. Limits by connection would be none, since who has a key makes as many
// connections as it likes. Bounded by the keys that are authorised, since no others come so far, and
// forget(). Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/time.hpp"
#include "keys/curve_keys.hpp"
#include "net/rate_limit.hpp"
#include "protocol/permissions.hpp"

namespace berkeley {

/// What a peer may do; where something is 0 it is not limited.
struct PeerLimits {
    RateLimitOptions messages;         ///< of a key; without keys, of a connection
    RateLimitOptions node_admissions;  ///< of a key with which a node speaks
    RateLimitOptions tool_admissions;  ///< of another
    int connections = 0;               ///< of a key, where they have spoken
    Duration silence{};                ///< a connection over which nothing came for so long is cut
};

class KeyAccounts {
public:
    explicit KeyAccounts(const PeerLimits& limits) : limits_(limits) {}

    enum class Admission : std::uint8_t { granted, too_often, too_many };
    /// A handshake with this key. One that is refused costs nothing.
    [[nodiscard]] Admission admit(const PublicKey& key, AccessRole role, RawTime now);
    /// A connection has spoken for the first time; false: it is one too many, and does not count.
    [[nodiscard]] bool connected(const PublicKey& key, RawTime now);
    /// Requires: connected() was true for it.
    void disconnected(const PublicKey& key);
    [[nodiscard]] RateLimit::Verdict message(const PublicKey& key, RawTime now);

    /// Those that have not been heard of for long.
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
