// Keys of CURVE: 32 bytes each, written as 40 characters of Z85, in small TOML files.
//
//   id = "s1"                 the node that the key belongs to
//   role = "slave"            what the node may do (public files)
//   public-key = "..."
//   secret-key = "..."        (secret files)
//
// A file that holds nothing but the 40 characters is a key without a name. Secret files are created
// exclusively with mode 0600. A secret file is refused where others can read it, and a file that authorises
// its key is refused where others can write it. An error is one line that names the file and what is allowed,
// never the key.
// Thread-safe.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bounded_string.hpp"
#include "base/result.hpp"
#include "protocol/permissions.hpp"

namespace berkeley {

inline constexpr std::size_t kKeyTextBytes = 40;
/// No key file is longer.
inline constexpr std::size_t kMaxKeyFileBytes = 4096;

using PublicKey = BoundedString<kKeyTextBytes>;

/// Z85 text, zero-terminated for libzmq; wiped when it goes.
class SecretKey {
public:
    SecretKey() = default;
    explicit SecretKey(std::string_view text);
    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = default;
    ~SecretKey();
    const char* c_str() const { return text_.data(); }

private:
    std::array<char, kKeyTextBytes + 1> text_{};
};

struct KeyPair {
    PublicKey public_key;
    SecretKey secret_key;
};

/// The content of a public file.
struct KeyCard {
    PublicKey key;
    std::optional<NodeId> id;
    std::optional<AccessRole> role;
};

/// The content of a secret file.
struct OwnKeys {
    KeyPair pair;
    std::optional<NodeId> id;
};

bool is_key_text(std::string_view text);

/// Keeps the memory of this process out of core files and out of reach of other processes of this user. A
/// program calls it before it reads a secret key.
void keep_memory_private();

[[nodiscard]] Result<KeyPair> generate_keys();

/// `where` stands in front of errors.
[[nodiscard]] Result<KeyCard> parse_key_card(std::string_view text, const std::string& where);
[[nodiscard]] Result<KeyCard> load_key_card(const std::filesystem::path& path);
/// Loads a file whose place authorises its key. Refused: a link, a file that others can write, and a file of
/// another user than root and this one, since its writer decides who belongs to the cluster.
[[nodiscard]] Result<KeyCard> load_authorised_card(const std::filesystem::path& path);
[[nodiscard]] Result<OwnKeys> parse_own_keys(std::string_view text, const std::string& where);
/// Refused: readable by group or others, or owned by another user than root and this one.
[[nodiscard]] Result<OwnKeys> load_own_keys(const std::filesystem::path& path);

std::string key_card_text(const KeyCard& card);
/// Both are written to a new file and never over an existing one.
[[nodiscard]] Result<void> write_own_keys(const std::filesystem::path& path, const NodeId& id,
                                          const KeyPair& pair);
[[nodiscard]] Result<void> write_key_card(const std::filesystem::path& path, const KeyCard& card);

}  // namespace berkeley
