// Keyring: the authorised keys and the pinned candidates, as they were read at one moment. It never changes
// after that, so threads may share it.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bounded_string.hpp"
#include "keys/curve_keys.hpp"

namespace berkeley {

/// Who speaks with a key.
struct PeerIdentity {
    NodeId id;
    AccessRole role = AccessRole::slave;
    friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

/// A server that may be connected to.
struct Pin {
    PublicKey key;
    std::optional<NodeId> id;  ///< unknown where a bare key was given
    friend bool operator==(const Pin&, const Pin&) = default;
};

class Keyring {
public:
    using Authorised = std::unordered_map<PublicKey, PeerIdentity>;

    Keyring(Authorised authorised, std::vector<Pin> pins)
        : authorised_(std::move(authorised)), pins_(std::move(pins)) {}

    /// Null where the key is not authorised.
    const PeerIdentity* find(const PublicKey& key) const;
    /// The given ones first, then the directory's candidates by file name.
    const std::vector<Pin>& pins() const { return pins_; }
    bool pinned(const PublicKey& key) const;
    std::size_t size() const { return authorised_.size(); }

    /// A key that `before` authorises is not authorised here, or for another node or role.
    bool revokes_any_of(const Keyring& before) const;
    friend bool operator==(const Keyring&, const Keyring&) = default;

private:
    Authorised authorised_;
    std::vector<Pin> pins_;
};

}  // namespace berkeley
