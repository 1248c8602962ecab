#include "keys/keyring.hpp"

#include <algorithm>

namespace berkeley {

const PeerIdentity* Keyring::find(const PublicKey& key) const {
    const auto found = authorised_.find(key);
    return found == authorised_.end() ? nullptr : &found->second;
}

bool Keyring::pinned(const PublicKey& key) const {
    return std::any_of(pins_.begin(), pins_.end(), [&](const Pin& pin) { return pin.key == key; });
}

bool Keyring::revokes_any_of(const Keyring& before) const {
    return std::any_of(before.authorised_.begin(), before.authorised_.end(), [this](const auto& entry) {
        const PeerIdentity* who = find(entry.first);
        return who == nullptr || *who != entry.second;
    });
}

}  // namespace berkeley
