#include "keys/curve_keys.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <toml++/toml.h>

#include "keys/z85.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

using KeyBytes = std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES>;
static_assert(crypto_box_SECRETKEYBYTES == crypto_box_PUBLICKEYBYTES);
static_assert(z85_size(crypto_box_PUBLICKEYBYTES) == kKeyTextBytes);
constexpr const char* kIsPublic = ": is the public file of a key: the secret one (.secret) is needed here";

/// A credential that systemd hands to a unit belongs to root, and its user may read it by an access list,
/// which shows as readable by the group.
bool is_systemd_credential(const std::filesystem::path& path, const struct stat& status) {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    return directory != nullptr && *directory != '\0' && path.parent_path() == directory &&
           status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IRWXO)) == 0;
}

/// The requirements on a file, by its use.
enum class FileRule : std::uint8_t {
    any,
    authorises,  ///< nobody else can write it
    secret,      ///< nobody else can read it
};

/// Why the file must not be used; empty where it may be.
std::string objection(FileRule rule, const std::filesystem::path& path, const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return "is no regular file";
    if (rule == FileRule::any) return {};
    if (rule == FileRule::secret && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0 &&
        !is_systemd_credential(path, status)) {
        return "others can read this secret: chmod 600 is needed, and new keys if anybody did";
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) return "belongs to another user";
    if (rule == FileRule::authorises && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "others can write this file, and so authorise themselves: chmod go-w is needed";
    }
    return {};
}

/// The whole of a small file.
Result<std::string> read_small(const std::filesystem::path& path, FileRule rule) {
    const int follow = rule == FileRule::authorises ? O_NOFOLLOW : 0;
    // O_NONBLOCK: open() does not wait on a FIFO.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow));
    const auto bad = [&path](const std::string& why) { return failure(path.string() + ": " + why); };
    if (file.get() < 0 && errno == ELOOP && follow != 0)
        return bad("is a link: the file itself is needed here");
    if (file.get() < 0) return bad(std::strerror(errno));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return bad(std::strerror(errno));
    if (const std::string why = objection(rule, path, status); !why.empty()) return bad(why);
    std::string text(kMaxKeyFileBytes + 1, '\0');
    const ssize_t size = ::read(file.get(), text.data(), text.size());
    if (size < 0) return bad(std::strerror(errno));
    if (static_cast<std::size_t>(size) > kMaxKeyFileBytes)
        return bad("is no key file: longer than 4096 bytes");
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<void> write_new(const std::filesystem::path& path, const std::string& text, mode_t mode) {
    const auto bad = [&path](const std::string& why) { return failure(path.string() + ": " + why); };
    const FileDescriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (file.get() < 0) return bad(errno == EEXIST ? "exists and is not overwritten" : std::strerror(errno));
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(file.get()) != 0) {
        const std::string why = std::strerror(errno);
        ::unlink(path.c_str());
        return bad(why);
    }
    return {};
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// The values that a key file may have; empty where it has none.
struct KeyText {
    std::string id;
    std::string role;
    std::string public_key;
    std::string secret_key;
};

Result<KeyText> parse_toml(std::string_view text, const std::string& where) {
    KeyText found;
    const std::pair<std::string_view, std::string*> names[] = {{"id", &found.id},
                                                               {"role", &found.role},
                                                               {"public-key", &found.public_key},
                                                               {"secret-key", &found.secret_key}};
    try {
        const toml::table table = toml::parse(text);
        for (const auto& [key, node] : table) {
            const auto* name =
                std::find_if(std::begin(names), std::end(names),
                             [&key = key](const auto& known) { return known.first == key.str(); });
            if (name == std::end(names) || !node.is_string()) {
                return failure(where +
                               ": id, role, public-key and secret-key are allowed, as text in quotes");
            }
            *name->second = node.as_string()->get();
        }
    } catch (const toml::parse_error& error) {
        // The description of the error quotes the text, which can be a secret.
        return failure(where + ": is no key file: line " + std::to_string(error.source().begin.line) +
                       " is no TOML; berkeleyctl keygen makes key files");
    }
    return found;
}

Result<void> check_id(const std::string& id, const std::string& where) {
    if (id.empty() || is_valid_name(id)) return {};
    return failure(where + ": id: 1 to 63 of A-Z a-z 0-9 . _ - are allowed, not starting with a dot");
}

std::optional<NodeId> optional_id(const std::string& id) {
    return id.empty() ? std::nullopt : NodeId::from(id);
}

}  // namespace

SecretKey::SecretKey(std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), kKeyTextBytes), text_.begin());
}

SecretKey::~SecretKey() { ::explicit_bzero(text_.data(), text_.size()); }

bool is_key_text(std::string_view text) {
    KeyBytes bytes{};
    return z85_decode(text, bytes);
}

void keep_memory_private() { ::prctl(PR_SET_DUMPABLE, 0); }

Result<KeyPair> generate_keys() {
    if (sodium_init() < 0) return failure("no random numbers are to be had from this system");
    KeyBytes public_key{};
    KeyBytes secret_key{};
    crypto_box_keypair(public_key.data(), secret_key.data());
    std::string secret_text = z85_encode(secret_key);
    KeyPair pair{*PublicKey::from(z85_encode(public_key)), SecretKey(secret_text)};
    sodium_memzero(secret_key.data(), secret_key.size());
    sodium_memzero(secret_text.data(), secret_text.size());
    return pair;
}

namespace {

/// Requires: the key is of 40 characters of Z85.
PublicKey public_half(const SecretKey& secret) {
    KeyBytes secret_bytes{};
    KeyBytes public_bytes{};
    static_cast<void>(z85_decode(secret.c_str(), secret_bytes));
    crypto_scalarmult_base(public_bytes.data(), secret_bytes.data());
    sodium_memzero(secret_bytes.data(), secret_bytes.size());
    return *PublicKey::from(z85_encode(public_bytes));
}

}  // namespace

Result<KeyCard> parse_key_card(std::string_view text, const std::string& where) {
    KeyCard card;
    if (is_key_text(trimmed(text))) {
        card.key = *PublicKey::from(trimmed(text));
        return card;
    }
    const auto found = parse_toml(text, where);
    if (!found) return failure(found.error());
    if (!is_key_text(found->public_key))
        return failure(where + ": public-key: 40 characters of Z85 are allowed");
    if (const auto id = check_id(found->id, where); !id) return failure(id.error());
    card.key = *PublicKey::from(found->public_key);
    card.id = optional_id(found->id);
    card.role = access_role(found->role);
    if (!found->role.empty() && !card.role) {
        return failure(where + ": role: slave, candidate, observer and operator are allowed");
    }
    return card;
}

Result<OwnKeys> parse_own_keys(std::string_view text, const std::string& where) {
    OwnKeys own;
    std::string secret(trimmed(text));
    std::string expected;
    if (!is_key_text(secret)) {
        auto found = parse_toml(text, where);
        if (!found) return failure(found.error());
        secret = std::move(found->secret_key);
        expected = found->public_key;
        if (secret.empty() && !expected.empty()) return failure(where + kIsPublic);
        if (const auto id = check_id(found->id, where); !id) return failure(id.error());
        own.id = optional_id(found->id);
    }
    if (!is_key_text(secret)) {
        return failure(where + ": secret-key: 40 characters of Z85 are allowed");
    }
    own.pair.secret_key = SecretKey(secret);
    ::explicit_bzero(secret.data(), secret.size());
    own.pair.public_key = public_half(own.pair.secret_key);
    if (!expected.empty() && expected != own.pair.public_key.view()) {
        return failure(where +
                       ": public-key does not belong to secret-key: make a new pair, or leave it out");
    }
    return own;
}

namespace {

/// The caller wipes `text` where the result is false.
bool is_public_file(std::string_view text) {
    auto found = parse_toml(text, {});
    if (!found) return false;
    const bool is = !found->public_key.empty() && found->secret_key.empty();
    ::explicit_bzero(found->secret_key.data(), found->secret_key.size());
    return is;
}

}  // namespace

Result<KeyCard> load_key_card(const std::filesystem::path& path) {
    const auto text = read_small(path, FileRule::any);
    return text ? parse_key_card(*text, path.string()) : failure(text.error());
}

Result<KeyCard> load_authorised_card(const std::filesystem::path& path) {
    const auto text = read_small(path, FileRule::authorises);
    return text ? parse_key_card(*text, path.string()) : failure(text.error());
}

Result<OwnKeys> load_own_keys(const std::filesystem::path& path) {
    auto text = read_small(path, FileRule::secret);
    if (!text) {
        // A public file has the right mode for a public file.
        auto any = read_small(path, FileRule::any);
        const bool is_public = any && is_public_file(*any);
        if (any) ::explicit_bzero(any->data(), any->size());
        return failure(is_public ? path.string() + kIsPublic : text.error());
    }
    auto own = parse_own_keys(*text, path.string());
    ::explicit_bzero(text->data(), text->size());
    return own;
}

std::string key_card_text(const KeyCard& card) {
    std::string text = "# Berkeley: public key\n";
    if (card.id) text += "id = \"" + card.id->str() + "\"\n";
    if (card.role) text += "role = \"" + std::string(to_string(*card.role)) + "\"\n";
    // Z85 has no quote, no backslash.
    return text + "public-key = \"" + card.key.str() + "\"\n";
}

Result<void> write_own_keys(const std::filesystem::path& path, const NodeId& id, const KeyPair& pair) {
    std::string text = "# Berkeley: SECRET key. Keep it on the node that it belongs to.\nid = \"" + id.str() +
                       "\"\npublic-key = \"" + pair.public_key.str() + "\"\nsecret-key = \"" +
                       pair.secret_key.c_str() + "\"\n";
    auto written = write_new(path, text, S_IRUSR | S_IWUSR);
    ::explicit_bzero(text.data(), text.size());
    return written;
}

Result<void> write_key_card(const std::filesystem::path& path, const KeyCard& card) {
    return write_new(path, key_card_text(card), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

}  // namespace berkeley
