#include "io/security_options.hpp"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

namespace berkeley {
namespace {

/// Each is tried at a link before a handshake succeeds.
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
            if (!card) return wrong("--server-key", card.error() + "; a key of 40 characters or a public file is allowed");
            if (card->role && *card->role != AccessRole::candidate) {
                return wrong("--server-key",
                             text + ": role is " + std::string(to_string(*card->role)) + ": a candidate's key is allowed");
            }
            pin = {card->key, card->id};
        }
        const bool again = std::any_of(pins.begin(), pins.end(), [&](const Pin& known) { return known.key == pin.key; });
        if (!again) pins.push_back(pin);
    }
    if (pins.size() > kMaxServerKeys) {
        return wrong("--server-key", "given too often: " + std::to_string(kMaxServerKeys) + " keys at most");
    }
    return pins;
}

}  // namespace

void SecurityOptions::add_to(CLI::App& app, bool may_serve) {
    app.add_option("--secret-key-file", secret_key_file,
                   "Encrypt and authenticate everything, with this key of ours; see berkeleyctl keygen")
        ->type_name("FILE");
    app.add_option("--public-key-file", public_key_file, "Its public half; only checked")->type_name("FILE");
    app.add_option("--authorized-keys", authorized_keys,
                   may_serve ? "Directory of the public keys that may connect; candidates among them are trusted"
                             : "Directory of public keys; the candidates among them are trusted")
        ->type_name("DIR");
    app.add_option("--server-key", server_keys, "Public key of a trusted candidate, or its file; may be repeated")
        ->type_name("KEY|FILE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

tl::expected<std::optional<Credentials>, OptionError> load_credentials(const SecurityOptions& options, SecurityUse use,
                                                                       const std::optional<NodeId>& id,
                                                                       const NodeId& fallback) {
    if (!options.any()) return std::nullopt;
    if (options.secret_key_file.empty()) {
        return wrong("--secret-key-file", "is needed where other keys are given; berkeleyctl keygen makes one");
    }
    if (use == SecurityUse::serve && options.authorized_keys.empty()) {
        return wrong("--authorized-keys", "is needed with --secret-key-file: the directory of the keys that may connect");
    }
    if (options.authorized_keys.empty() && options.server_keys.empty()) {
        return wrong("--server-key", "is needed with --secret-key-file: the public key of the candidate to trust "
                                     "(or --authorized-keys, a directory with it)");
    }
    keep_memory_private();
    auto own = load_own_keys(options.secret_key_file);
    if (!own) return wrong("--secret-key-file", own.error());
    if (!options.public_key_file.empty()) {
        const auto card = load_key_card(options.public_key_file);
        if (!card) return wrong("--public-key-file", card.error());
        if (card->key != own->pair.public_key) {
            return wrong("--public-key-file", options.public_key_file + " does not belong to the secret key: it is " +
                                                  own->pair.public_key.str());
        }
        if (!own->id) own->id = card->id;
    }
    if (id && own->id && *id != *own->id) {
        return wrong("--id", "'" + id->str() + "' is not allowed: the key in " + options.secret_key_file + " is that of " +
                                 own->id->str());
    }
    auto pins = load_pins(options.server_keys);
    if (!pins) return tl::unexpected<OptionError>(pins.error());
    auto ring = Keyring::open(options.authorized_keys, std::move(*pins), own->pair.public_key);
    if (!ring) return wrong("--authorized-keys", ring.error());
    return Credentials{id ? *id : own->id.value_or(fallback), own->pair, std::move(*ring)};
}

}  // namespace berkeley
