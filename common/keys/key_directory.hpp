// KeyDirectory: reads the directory of authorised keys, and makes a keyring of it each time.
//
// The directory holds public files (curve_keys.hpp) named *.key; a node may have several during a rotation. A
// file that cannot be used, or that others can write, authorises nobody; a key that two files give to
// different nodes belongs to none. A directory that cannot be read changes nothing: the last keyring stays in
// force. Reading may wait for the disk, so a node does it outside its loop. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "keys/keyring.hpp"

namespace berkeley {

/// A key for each clock of the largest cluster, and one more for a rotation.
inline constexpr std::size_t kMaxKeyFiles = 2 * kMaxMembers;

class KeyDirectory {
public:
    /// An empty `directory` authorises nobody. `own` is never pinned. A damaged file is an error here.
    [[nodiscard]] static Result<KeyDirectory> open(std::filesystem::path directory, std::vector<Pin> given,
                                                   const PublicKey& own);

    /// As it was read last.
    const std::shared_ptr<const Keyring>& ring() const { return ring_; }

    enum class Thoroughness : std::uint8_t {
        changes,     ///< the files that look changed, and none unless the directory looks changed
        everything,  ///< also a file that was edited in place
    };
    /// Returns a line for each thing that is wrong and was not wrong before.
    std::vector<std::string> read(Thoroughness thoroughness);

private:
    /// One key file as it was read, so that an unchanged file is not parsed again.
    struct File {
        std::int64_t changed_ns = 0;  ///< content, owner or mode
        std::uint64_t size = 0;
        std::uint64_t inode = 0;
        std::optional<KeyCard> card;
        std::string complaint;
    };
    using Files = std::map<std::string, File>;

    KeyDirectory() = default;
    bool note_modification();
    [[nodiscard]] Result<Files> scan(Thoroughness thoroughness) const;
    void make_ring();
    Keyring::Authorised authorised();

    std::filesystem::path directory_;
    std::vector<Pin> given_;
    PublicKey own_;
    Files files_;
    std::shared_ptr<const Keyring> ring_;
    std::vector<std::string> complaints_;
    std::int64_t modified_ns_ = 0;
    std::uint64_t inode_ = 0;
    /// The directory may change again within the same tick of the file system's clock, and its modification
    /// time then stays the same: so a change is followed by a second reading.
    bool look_again_ = true;
};

}  // namespace berkeley
