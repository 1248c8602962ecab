// Keyring: whose keys are authorised, and which candidates' keys are pinned.
//
// The directory holds public files (curve_keys.hpp) named *.key; a node may have several, for the time of a
// rotation. A file that cannot be used, or that others can write, authorises nobody; a key that two files
// give to different nodes belongs to none. The directory is read again when it changed (its modification
// time: files are put there and taken away whole) or on demand; where it cannot be read the keys read before
// stay in force, and it is said so. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/result.hpp"
#include "keys/curve_keys.hpp"

namespace berkeley {

/// A key for each clock of the largest cluster, and one more for a rotation.
inline constexpr std::size_t kMaxKeyFiles = 2 * kMaxMembers;

/// Who speaks with a key.
struct PeerIdentity {
    NodeId id;
    AccessRole role = AccessRole::slave;
    friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

/// A server that may be connected to.
struct Pin {
    PublicKey key;
    std::optional<NodeId> id;  ///< unknown where a bare key was given
};

class Keyring {
public:
    /// `directory`: empty where nobody is authorised. `own`: never pinned. Damaged files are refused here.
    [[nodiscard]] static Result<Keyring> open(std::filesystem::path directory, std::vector<Pin> given,
                                              const PublicKey& own);

    const PeerIdentity* find(const PublicKey& key) const;
    /// The given ones first, then the directory's candidates by file name.
    const std::vector<Pin>& pins() const { return pins_; }
    bool pinned(const PublicKey& key) const;
    std::size_t size() const { return authorised_.size(); }

    struct Refresh {
        bool changed = false;
        bool revoked = false;  ///< a key is not authorised any more, or for another node or role
        std::vector<std::string> complaints;  ///< new ones only
    };
    Refresh refresh(bool force);

private:
    /// What is remembered of a file, so that only changed ones are parsed again.
    struct File {
        std::int64_t changed_ns = 0;  ///< content, owner or mode
        std::uint64_t size = 0;
        std::uint64_t inode = 0;
        std::optional<KeyCard> card;
        std::string complaint;
    };
    using Files = std::map<std::string, File>;

    bool directory_changed();
    /// `fresh`: parses also what seems unchanged.
    [[nodiscard]] Result<Files> scan(bool fresh) const;
    void adopt(Files files);

    std::filesystem::path directory_;
    std::vector<Pin> given_;
    PublicKey own_;
    Files files_;
    std::unordered_map<PublicKey, PeerIdentity> authorised_;
    std::vector<Pin> pins_;
    std::vector<std::string> complaints_;
    std::int64_t modified_ns_ = 0;
    std::uint64_t inode_ = 0;
    /// A change within the same tick of the file system's clock shows at a second look only.
    bool look_again_ = false;
};

}  // namespace berkeley
