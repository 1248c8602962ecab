#include "keys/key_directory.hpp"

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

/// A user who can write in the directory decides who belongs to the cluster.
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

Result<KeyDirectory> KeyDirectory::open(std::filesystem::path directory, std::vector<Pin> given,
                                        const PublicKey& own) {
    KeyDirectory keys;
    keys.directory_ = std::move(directory);
    keys.given_ = std::move(given);
    keys.own_ = own;
    if (!keys.directory_.empty()) {
        if (const auto safe = check_directory(keys.directory_); !safe) return failure(safe.error());
        keys.note_modification();
        auto files = keys.scan(Thoroughness::everything);
        if (!files) return failure(files.error());
        keys.files_ = std::move(*files);
    }
    keys.make_ring();
    if (!keys.complaints_.empty()) return failure(keys.complaints_.front());
    return keys;
}

std::vector<std::string> KeyDirectory::read(Thoroughness thoroughness) {
    if (directory_.empty()) return {};
    const bool again = std::exchange(look_again_, false);
    if (note_modification()) look_again_ = true;
    if (!look_again_ && !again && thoroughness == Thoroughness::changes) return {};
    const std::vector<std::string> before = std::exchange(complaints_, {});
    auto safe = check_directory(directory_);
    auto files = safe ? scan(thoroughness) : failure(safe.error());
    if (files) {
        files_ = std::move(*files);
        make_ring();
    } else {
        complaints_.push_back(files.error() + "; the keys read before stay in force");
        look_again_ = true;
    }
    std::vector<std::string> news;
    for (const std::string& line : complaints_) {
        if (std::find(before.begin(), before.end(), line) == before.end()) news.push_back(line);
    }
    return news;
}

/// True where the directory was modified since the last call; an error shows when it is read.
bool KeyDirectory::note_modification() {
    struct stat status {};
    if (::stat(directory_.c_str(), &status) != 0) return true;
    const bool changed = in_ns(status.st_mtim) != modified_ns_ || status.st_ino != inode_;
    modified_ns_ = in_ns(status.st_mtim);
    inode_ = status.st_ino;
    return changed;
}

Result<KeyDirectory::Files> KeyDirectory::scan(Thoroughness thoroughness) const {
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
        // It fails where the file was just taken away.
        if (::fstatat(::dirfd(directory.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        File file{in_ns(status.st_ctim), static_cast<std::uint64_t>(status.st_size), status.st_ino, {}, {}};
        const auto known = files_.find(name);
        if (thoroughness == Thoroughness::changes && known != files_.end() &&
            known->second.changed_ns == file.changed_ns && known->second.size == file.size &&
            known->second.inode == file.inode) {
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

/// Adds to complaints_.
Keyring::Authorised KeyDirectory::authorised() {
    Keyring::Authorised result;
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
        const auto [entry, fresh] = result.emplace(file.card->key, who);
        if (fresh || entry->second == who) continue;
        complaints_.push_back(where + "the key is given to " + entry->second.id.str() + " as " +
                              std::string(to_string(entry->second.role)) + " too, so it is nobody's");
        disputed.insert(file.card->key);
    }
    for (const PublicKey& key : disputed) result.erase(key);
    return result;
}

void KeyDirectory::make_ring() {
    Keyring::Authorised authorised = this->authorised();
    std::vector<Pin> pins = given_;
    for (const auto& [name, file] : files_) {
        if (!file.card || file.card->key == own_) continue;
        const PublicKey& key = file.card->key;
        const auto who = authorised.find(key);
        if (who == authorised.end() || who->second.role != AccessRole::candidate) continue;
        const auto pin =
            std::find_if(pins.begin(), pins.end(), [&key](const Pin& p) { return p.key == key; });
        if (pin != pins.end()) {
            pin->id = who->second.id;
        } else {
            pins.push_back({key, who->second.id});
        }
    }
    Keyring ring(std::move(authorised), std::move(pins));
    if (ring_ == nullptr || !(*ring_ == ring)) ring_ = std::make_shared<const Keyring>(std::move(ring));
}

}  // namespace berkeley
