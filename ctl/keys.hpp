// Keys: makes key pairs, and edits a directory of authorised keys, which running nodes watch.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/result.hpp"
#include "protocol/permissions.hpp"

namespace berkeley::ctl {

/// Makes ID.secret and ID.key in the directory. Returns lines that say what was done.
[[nodiscard]] Result<std::string> keygen(const std::filesystem::path& directory, const NodeId& id,
                                         AccessRole role);

struct Authorization {
    std::filesystem::path directory;
    std::vector<std::string> files;  ///< public files
    std::string id;                  ///< empty: the id in the file
    std::string role;                ///< empty: the role in the file
};

/// Puts public keys into the directory. A key that is already there is left alone.
[[nodiscard]] Result<std::string> authorize(const Authorization& wanted);

/// Removes all keys of these nodes, or single keys (40 characters, or public files).
[[nodiscard]] Result<std::string> revoke(const std::filesystem::path& directory,
                                         const std::vector<std::string>& whom);

}  // namespace berkeley::ctl
