// Credentials: what a node needs to speak and to listen in secret, read from the files that its options name.
#pragma once

#include <optional>

#include <tl/expected.hpp>

#include "base/key_files.hpp"
#include "keys/key_directory.hpp"

namespace berkeley {

struct Credentials {
    NodeId id;
    KeyPair own;
    KeyDirectory keys;
};

/// Reads the files, into a memory that is private from then on. Nothing: no key was given. `id`: the one
/// given; else the key's own, else `fallback`. The error names the option and what is allowed.
[[nodiscard]] tl::expected<std::optional<Credentials>, OptionError> load_credentials(
    const KeyFiles& files, KeyUse use, const std::optional<NodeId>& id, const NodeId& fallback);

}  // namespace berkeley
