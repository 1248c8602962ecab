// The options by which a program gets its keys, the same for all of them.
//
//   --secret-key-file F     turns CURVE on
//   --public-key-file F     only checked against it
//   --authorized-keys DIR   who may connect, and which candidates are trusted
//   --server-key KEY|FILE   a candidate that is trusted; may be repeated
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "io/keyring.hpp"

namespace CLI {
class App;
}

namespace berkeley {

struct SecurityOptions {
    std::string secret_key_file;
    std::string public_key_file;
    std::string authorized_keys;
    std::vector<std::string> server_keys;

    void add_to(CLI::App& app, bool may_serve);
    bool any() const {
        return !secret_key_file.empty() || !public_key_file.empty() || !authorized_keys.empty() ||
               !server_keys.empty();
    }
};

enum class SecurityUse : std::uint8_t { serve, connect };

struct OptionError {
    std::string option;
    std::string why;
};

/// Reads the files, into a memory that is private from then on. Nothing: no key was given. `id`: the one given; else the key's own, else `fallback`.
[[nodiscard]] tl::expected<std::optional<Credentials>, OptionError> load_credentials(const SecurityOptions& options,
                                                                                     SecurityUse use,
                                                                                     const std::optional<NodeId>& id,
                                                                                     const NodeId& fallback);

}  // namespace berkeley
