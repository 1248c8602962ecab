// KeyFiles: the files by which a program gets its keys, as the user named them. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace berkeley {

struct KeyFiles {
    std::string secret_key_file;  ///< turns CURVE on
    std::string public_key_file;  ///< only checked against it
    std::string authorized_keys;  ///< directory: who may connect, and which candidates are trusted
    std::vector<std::string> server_keys;  ///< keys, or files of keys, of trusted candidates

    bool any() const {
        return !secret_key_file.empty() || !public_key_file.empty() || !authorized_keys.empty() ||
               !server_keys.empty();
    }
};

/// A node that others connect to, or one that only connects.
enum class KeyUse : std::uint8_t { serve, connect };

/// What is wrong with an option, and with which.
struct OptionError {
    std::string option;
    std::string why;
};

}  // namespace berkeley
