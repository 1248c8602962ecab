#include "keys/keyring.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

namespace berkeley {
namespace {

constexpr std::string_view kSuffix = ".key";

std::int64_t in_ns(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

bool is_key_name(std::string_view name) {
    return name.size() > kSuffix.size() && name.front() != '.' && name.ends_with(kSuffix);
}

/// Who can write here says who belongs to the cluster.
Result<void> check_directory(const std::filesystem::path& directory) {
    const auto bad = [&](const std::string& why) { return failure(directory.string() + ": " + why); };
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return bad(std::strerror(errno));
    if (!S_ISDIR(status.st_mode)) return bad("is no directory");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return bad("others can write here, and so authorise themselves: chmod go-w is needed");
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) return bad("belongs to another user");
    return {};
}

}  // namespace

Result<Keyring> Keyring::open(std::filesystem::path directory, std::vector<Pin> given, const PublicKey& own) {
    Keyring ring;
    ring.directory_ = std::move(directory);
    ring.given_ = std::move(given);
    ring.own_ = own;
    if (!ring.directory_.empty()) {
        if (const auto safe = check_directory(ring.directory_); !safe) return failure(safe.error());
        ring.directory_changed();
        auto files = ring.scan(true);
        if (!files) return failure(files.error());
        ring.adopt(std::move(*files));
        if (!ring.complaints_.empty()) return failure(ring.complaints_.front());
    } else {
        ring.adopt({});
    }
    return ring;
}

const PeerIdentity* Keyring::find(const PublicKey& key) const {
    const auto found = authorised_.find(key);
    return found == authorised_.end() ? nullptr : &found->second;
}

bool Keyring::pinned(const PublicKey& key) const {
    return std::any_of(pins_.begin(), pins_.end(), [&](const Pin& pin) { return pin.key == key; });
}

Keyring::Refresh Keyring::refresh(bool force) {
    Refresh result;
    if (directory_.empty()) return result;
    const bool again = std::exchange(look_again_, false);
    if (directory_changed()) look_again_ = true;
    if (!look_again_ && !again && !force) return result;
    const std::vector<std::string> before = std::move(complaints_);
    complaints_.clear();
    auto safe = check_directory(directory_);
    auto files = safe ? scan(force) : failure(safe.error());
    if (files) {
        const auto authorised = authorised_;
        adopt(std::move(*files));
        result.changed = authorised != authorised_;
        result.revoked = std::any_of(authorised.begin(), authorised.end(), [this](const auto& entry) {
            const PeerIdentity* who = find(entry.first);
            return who == nullptr || *who != entry.second;
        });
    } else {
        complaints_.push_back(files.error() + "; the keys read before stay in force");
        look_again_ = true;
    }
    for (const std::string& line : complaints_) {
        if (std::find(before.begin(), before.end(), line) == before.end()) result.complaints.push_back(line);
    }
    return result;
}

bool Keyring::directory_changed() {
    struct stat status {};
    // An error shows when it is read.
    if (::stat(directory_.c_str(), &status) != 0) return true;
    const bool changed = in_ns(status.st_mtim) != modified_ns_ || status.st_ino != inode_;
    modified_ns_ = in_ns(status.st_mtim);
    inode_ = status.st_ino;
    return changed;
}

Result<Keyring::Files> Keyring::scan(bool fresh) const {
    const auto bad = [&](const std::string& why) { return failure(directory_.string() + ": " + why); };
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(directory_.c_str()), ::closedir);
    if (!directory) return bad(std::strerror(errno));
    Files files;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
        const std::string name = entry->d_name;
        if (!is_key_name(name)) continue;
        if (files.size() == kMaxKeyFiles)
            return bad("holds more than " + std::to_string(kMaxKeyFiles) + " keys");
        struct stat status {};
        // Just taken away, where it fails.
        if (::fstatat(::dirfd(directory.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        File file{in_ns(status.st_ctim), static_cast<std::uint64_t>(status.st_size), status.st_ino, {}, {}};
        const auto known = files_.find(name);
        if (!fresh && known != files_.end() && known->second.changed_ns == file.changed_ns &&
            known->second.size == file.size && known->second.inode == file.inode) {
            file = known->second;
        } else if (auto card = load_authorised_card(directory_ / name)) {
            file.card = std::move(*card);
        } else {
            file.complaint = card.error();
        }
        files.emplace(name, std::move(file));
        errno = 0;
    }
    if (errno != 0) return bad(std::strerror(errno));
    return files;
}

void Keyring::adopt(Files files) {
    files_ = std::move(files);
    authorised_.clear();
    pins_ = given_;
    std::set<PublicKey> disputed;
    for (const auto& [name, file] : files_) {
        const std::string where = (directory_ / name).string() + ": ";
        if (!file.card) {
            complaints_.push_back(file.complaint);
            continue;
        }
        // A bare key belongs to the node that the file is named after.
        const std::string stem = name.substr(0, name.size() - kSuffix.size());
        if (!file.card->id && !is_valid_name(stem)) {
            complaints_.push_back(where +
                                  "names no node: an id in it, or a file name such as s1.key is needed");
            continue;
        }
        const PeerIdentity who{file.card->id.value_or(NodeId::from(stem).value_or(NodeId{})),
                               file.card->role.value_or(AccessRole::slave)};
        const auto [entry, fresh] = authorised_.emplace(file.card->key, who);
        if (fresh || entry->second == who) continue;
        complaints_.push_back(where + "the key is given to " + entry->second.id.str() + " as " +
                              std::string(to_string(entry->second.role)) + " too, so it is nobody's");
        disputed.insert(file.card->key);
    }
    for (const PublicKey& key : disputed) authorised_.erase(key);
    for (const auto& [name, file] : files_) {
        const PeerIdentity* who = file.card ? find(file.card->key) : nullptr;
        if (who == nullptr || who->role != AccessRole::candidate || file.card->key == own_) continue;
        const PublicKey& key = file.card->key;
        const auto pin =
            std::find_if(pins_.begin(), pins_.end(), [&key](const Pin& p) { return p.key == key; });
        if (pin != pins_.end()) {
            pin->id = who->id;
        } else {
            pins_.push_back({key, who->id});
        }
    }
}

}  // namespace berkeley
