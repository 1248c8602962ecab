// Credentials: the keys of a node and of those it trusts, read from the files that its options name.
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

/// Reads the files, after it has made the memory of this process private. The result is empty where no key
/// was given. The node's id is `id`, else the one in its key file, else `fallback`. The error names the
/// option and what is allowed.
[[nodiscard]] tl::expected<std::optional<Credentials>, OptionError> load_credentials(
    const KeyFiles& files, KeyUse use, const std::optional<NodeId>& id, const NodeId& fallback);

}  // namespace berkeley
