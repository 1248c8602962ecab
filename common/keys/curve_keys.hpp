// Keys of CURVE: 32 bytes each, written as 40 characters of Z85, in small TOML files.
//
//   id = "s1"                 whose it is
//   role = "slave"            what the key is good for (public files)
//   public-key = "..."
//   secret-key = "..."        (secret files)
//
// A file that holds nothing but the 40 characters is a key without a name. Secret files are created
// exclusively with mode 0600, and refused where others can read them; a file that authorises its key, where
// others can write it. Errors are one line that names the file and what is allowed, never the key.
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

/// What a public file says.
struct KeyCard {
    PublicKey key;
    std::optional<NodeId> id;
    std::optional<AccessRole> role;
};

/// What a secret file says.
struct OwnKeys {
    KeyPair pair;
    std::optional<NodeId> id;
};

bool is_key_text(std::string_view text);

/// From now on no other process of this user can look into the memory of this one, and no core file has it in
/// it. For programs to call before a secret key comes into it.
void keep_memory_private();

[[nodiscard]] Result<KeyPair> generate_keys();

/// `where` stands in front of errors.
[[nodiscard]] Result<KeyCard> parse_key_card(std::string_view text, const std::string& where);
[[nodiscard]] Result<KeyCard> load_key_card(const std::filesystem::path& path);
/// A file whose place alone authorises its key: whoever can write it says who belongs to the cluster. So it
/// is no link, nobody but its owner can write it, and that is root or this user.
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
