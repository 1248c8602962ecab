#include "keys/credentials.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {
namespace {

/// A link tries one after the other until a handshake succeeds.
constexpr std::size_t kMaxServerKeys = 2 * kMaxCandidates;

tl::unexpected<OptionError> wrong(std::string option, std::string why) {
    return tl::unexpected<OptionError>({std::move(option), std::move(why)});
}

tl::expected<std::vector<Pin>, OptionError> load_pins(const std::vector<std::string>& texts) {
    std::vector<Pin> pins;
    for (const std::string& text : texts) {
        Pin pin;
        if (is_key_text(text)) {
            pin.key = *PublicKey::from(text);
        } else {
            const auto card = load_key_card(text);
            if (!card)
                return wrong("--server-key",
                             card.error() + "; a key of 40 characters or a public file is allowed");
            if (card->role && *card->role != AccessRole::candidate) {
                return wrong("--server-key", text + ": role is " + std::string(to_string(*card->role)) +
                                                 ": a candidate's key is allowed");
            }
            pin = {card->key, card->id};
        }
        const bool again =
            std::any_of(pins.begin(), pins.end(), [&](const Pin& known) { return known.key == pin.key; });
        if (!again) pins.push_back(pin);
    }
    if (pins.size() > kMaxServerKeys) {
        return wrong("--server-key", "given too often: " + std::to_string(kMaxServerKeys) + " keys at most");
    }
    return pins;
}

}  // namespace

tl::expected<std::optional<Credentials>, OptionError> load_credentials(const KeyFiles& files, KeyUse use,
                                                                       const std::optional<NodeId>& id,
                                                                       const NodeId& fallback) {
    if (!files.any()) return std::nullopt;
    if (files.secret_key_file.empty()) {
        return wrong("--secret-key-file",
                     "is needed where other keys are given; berkeleyctl keygen makes one");
    }
    if (use == KeyUse::serve && files.authorized_keys.empty()) {
        return wrong("--authorized-keys",
                     "is needed with --secret-key-file: the directory of the keys that may connect");
    }
    if (files.authorized_keys.empty() && files.server_keys.empty()) {
        return wrong("--server-key",
                     "is needed with --secret-key-file: the public key of the candidate to trust "
                     "(or --authorized-keys, a directory with it)");
    }
    keep_memory_private();
    auto own = load_own_keys(files.secret_key_file);
    if (!own) return wrong("--secret-key-file", own.error());
    if (!files.public_key_file.empty()) {
        const auto card = load_key_card(files.public_key_file);
        if (!card) return wrong("--public-key-file", card.error());
        if (card->key != own->pair.public_key) {
            return wrong("--public-key-file", files.public_key_file +
                                                  " does not belong to the secret key: it is " +
                                                  own->pair.public_key.str());
        }
        if (!own->id) own->id = card->id;
    }
    if (id && own->id && *id != *own->id) {
        return wrong("--id", "'" + id->str() + "' is not allowed: the key in " + files.secret_key_file +
                                 " is that of " + own->id->str());
    }
    auto pins = load_pins(files.server_keys);
    if (!pins) return tl::unexpected<OptionError>(pins.error());
    auto keys = KeyDirectory::open(files.authorized_keys, std::move(*pins), own->pair.public_key);
    if (!keys) return wrong("--authorized-keys", keys.error());
    return Credentials{id ? *id : own->id.value_or(fallback), own->pair, std::move(*keys)};
}

}  // namespace berkeley
