#include "ctl/keys.hpp"

#include <algorithm>

#include "keys/curve_keys.hpp"

namespace berkeley::ctl {
namespace {

namespace fs = std::filesystem;

/// The file name of this key in the directory; a second key of the node gets another name.
std::string file_name(const KeyCard& card) {
    std::string text;
    for (const char c : card.key.view().substr(0, 12)) {
        static constexpr char kHex[] = "0123456789abcdef";
        text += kHex[static_cast<unsigned char>(c) >> 4];
        text += kHex[static_cast<unsigned char>(c) & 15];
    }
    return card.id->str() + "-" + text + ".key";
}

struct Known {
    fs::path path;
    KeyCard card;
};

/// The keys in the directory. A file that cannot be read authorises nobody and is left alone.
Result<std::vector<Known>> list(const fs::path& directory) {
    std::error_code error;
    if (!fs::exists(directory, error)) return failure("the folder " + directory.string() + " does not exist");
    fs::directory_iterator files(directory, error);
    if (error) return failure(directory.string() + ": " + error.message());
    std::vector<Known> known;
    for (const fs::directory_entry& entry : files) {
        if (entry.path().extension() != ".key") continue;
        auto card = load_key_card(entry.path());
        if (!card) continue;
        if (!card->id) card->id = NodeId::from(entry.path().stem().string());
        known.push_back({entry.path(), std::move(*card)});
    }
    std::sort(known.begin(), known.end(), [](const Known& a, const Known& b) { return a.path < b.path; });
    return known;
}

/// Writes the file so that it appears whole under its name or not at all: nodes may read it at any moment.
Result<void> place(const fs::path& directory, const KeyCard& card) {
    const fs::path target = directory / file_name(card);
    const fs::path draft = directory / ("." + file_name(card) + ".new");
    std::error_code error;
    fs::remove(draft, error);
    if (const auto written = write_key_card(draft, card); !written) return written;
    fs::rename(draft, target, error);
    if (error) return failure(target.string() + ": " + error.message());
    return {};
}

std::string called(const KeyCard& card) {
    return card.id->str() + " (" + std::string(to_string(card.role.value_or(AccessRole::slave))) + ") " +
           card.key.str();
}

}  // namespace

Result<std::string> keygen(const fs::path& directory, const NodeId& id, AccessRole role) {
    keep_memory_private();
    const auto pair = generate_keys();
    if (!pair) return failure(pair.error());
    std::error_code error;
    fs::create_directories(directory, error);
    const fs::path secret = directory / (id.str() + ".secret");
    const fs::path card = directory / (id.str() + ".key");
    if (const auto done = write_own_keys(secret, id, *pair); !done) return failure(done.error());
    if (const auto done = write_key_card(card, {pair->public_key, id, role}); !done) {
        fs::remove(secret, error);
        return failure(done.error());
    }
    return secret.string() + "  secret key: stays on " + id.str() + "\n" + card.string() +
           "  public key, role " + std::string(to_string(role)) +
           ": berkeleyctl authorize it on the candidates\n";
}

Result<std::string> authorize(const Authorization& wanted) {
    std::error_code error;
    if (!fs::exists(wanted.directory, error)) {
        fs::create_directories(wanted.directory, error);
        if (error) return failure(wanted.directory.string() + ": " + error.message());
        fs::permissions(wanted.directory, fs::perms{0755}, error);
    }
    const auto known = list(wanted.directory);
    if (!known) return failure(known.error());
    std::string report;
    for (const std::string& file : wanted.files) {
        auto card = load_key_card(file);
        if (!card) return failure(card.error());
        if (!wanted.id.empty()) card->id = NodeId::from(wanted.id);
        if (!wanted.role.empty()) card->role = access_role(wanted.role);
        if (!card->id) return failure(file + " names no id: give --id");
        if (!card->role) card->role = AccessRole::slave;
        const auto same = std::find_if(known->begin(), known->end(),
                                       [&](const Known& k) { return k.card.key == card->key; });
        if (same != known->end() &&
            (same->card.id != card->id || same->card.role.value_or(AccessRole::slave) != *card->role)) {
            return failure(file + ": the key already belongs to " + called(same->card) + " in " +
                           same->path.string() + ": revoke it first");
        }
        if (same == known->end()) {
            if (const auto done = place(wanted.directory, *card); !done) return failure(done.error());
        }
        report += (same == known->end() ? "authorised " : "already authorised: ") + called(*card) + "\n";
    }
    return report;
}

Result<std::string> revoke(const fs::path& directory, const std::vector<std::string>& whom) {
    const auto known = list(directory);
    if (!known) return failure(known.error());
    std::string report;
    for (const std::string& name : whom) {
        PublicKey key;
        std::error_code error;
        if (is_key_text(name)) {
            key = *PublicKey::from(name);
        } else if (fs::is_regular_file(name, error)) {
            const auto card = load_key_card(name);
            if (!card) return failure(card.error());
            key = card->key;
        } else if (!is_valid_name(name)) {
            return failure("'" + name.substr(0, 80) + "' is neither a node, nor a key, nor a public file");
        }
        bool found = false;
        for (const Known& entry : *known) {
            if (key.empty() ? entry.card.id != NodeId::from(name) : entry.card.key != key) continue;
            if (!fs::remove(entry.path, error) && error)
                return failure(entry.path.string() + ": " + error.message());
            report += "revoked " + called(entry.card) + "\n";
            found = true;
        }
        if (!found) return failure("no key of " + name + " is in " + directory.string());
    }
    return report;
}

}  // namespace berkeley::ctl
