// KeyFiles: the key files that the user named for a program. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace berkeley {

struct KeyFiles {
    std::string secret_key_file;  ///< turns CURVE on
    std::string public_key_file;  ///< we only check that it fits the secret key
    std::string
        authorized_keys;  ///< directory of the keys that may connect; candidates among them are trusted
    std::vector<std::string> server_keys;  ///< keys, or files of keys, of trusted candidates

    bool any() const {
        return !secret_key_file.empty() || !public_key_file.empty() || !authorized_keys.empty() ||
               !server_keys.empty();
    }
};

/// A node that others connect to, or one that only connects.
enum class KeyUse : std::uint8_t { serve, connect };

/// An option and what is wrong with it.
struct OptionError {
    std::string option;
    std::string why;
};

}  // namespace berkeley
