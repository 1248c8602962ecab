#include "state/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "state/state_text.hpp"

namespace berkeley {
namespace {

constexpr const char* kPromisesName = "state";
constexpr const char* kNewPromisesName = "state.new";
constexpr const char* kLearnedName = "learned";
constexpr const char* kNewLearnedName = "learned.new";
constexpr const char* kLockName = "lock";

std::string system_error(const std::filesystem::path& path, std::string_view what) {
    return path.string() + ": " + std::string(what) + ": " + std::strerror(errno);
}

std::string damaged(const std::filesystem::path& path, const std::string& why) {
    return path.string() + ": the saved state " + why +
           "; it is not used, since a voter that forgot its vote could vote twice: move the file away to "
           "start anew, as a node that is no voter until the cluster adopts it again";
}

/// A node runs on a disk with such an error: it makes no promises. Other errors are mistakes of the operator,
/// and the node does not start.
bool is_disk_trouble(int error) {
    return error == EROFS || error == ENOSPC || error == EDQUOT || error == EIO;
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// At most kMaxStateBytes + 1 bytes, so that the caller sees what is too long.
std::optional<std::string> read_all(int fd) {
    std::string text(kMaxStateBytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

}  // namespace

StateFile::StateFile(std::filesystem::path directory, int directory_fd, int lock_fd)
    : directory_(std::move(directory)), directory_fd_(directory_fd), lock_fd_(lock_fd) {}

StateFile::StateFile(StateFile&& other) noexcept
    : directory_(std::move(other.directory_)),
      directory_fd_(std::exchange(other.directory_fd_, -1)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      lock_error_(other.lock_error_) {}

StateFile& StateFile::operator=(StateFile&& other) noexcept {
    std::swap(directory_, other.directory_);
    std::swap(directory_fd_, other.directory_fd_);
    std::swap(lock_fd_, other.lock_fd_);
    std::swap(lock_error_, other.lock_error_);
    return *this;
}

StateFile::~StateFile() {
    if (directory_fd_ >= 0) ::close(directory_fd_);
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<StateFile> StateFile::open(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error && !is_disk_trouble(error.value())) {
        return failure(directory.string() + ": cannot create the state directory: " + error.message());
    }
    const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    StateFile file(directory, directory_fd, -1);  // closes both from here on
    if (directory_fd < 0) {
        if (error) return file;  // there is no directory, and none can be made
        return failure(system_error(directory, "cannot open the state directory"));
    }
    file.lock_fd_ = ::openat(directory_fd, kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.lock_fd_ < 0 && is_disk_trouble(errno)) {
        file.lock_error_ = errno;
        file.lock_fd_ = ::openat(directory_fd, kLockName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file.lock_fd_ < 0 && errno == ENOENT) return file;  // nobody has ever written here, nor can now
    }
    if (file.lock_fd_ < 0) return failure(system_error(directory, "cannot write to the state directory"));
    if (::flock(file.lock_fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return failure(system_error(directory, "cannot lock the state directory"));
        return failure(directory.string() +
                       ": the state directory is in use by another process; give each node its own --id "
                       "or --state-dir");
    }
    return file;
}

Result<void> StateFile::save(const Promises& promises) const {
    return write(kPromisesName, kNewPromisesName, to_text(promises));
}

Result<void> StateFile::save(const Learned& learned) const {
    return write(kLearnedName, kNewLearnedName, to_text(learned));
}

Result<void> StateFile::write(const char* name, const char* new_name, const std::string& text) const {
    if (directory_.empty()) return {};
    const std::filesystem::path path = directory_ / name;
    if (directory_fd_ < 0)
        return failure(path.string() + ": cannot save the state: there is no directory for it");
    if (lock_fd_ < 0) {
        // Another process may have locked it by now.
        errno = lock_error_;
        return failure(system_error(path, "cannot save the state, which could not be locked"));
    }
    const int fd =
        ::openat(directory_fd_, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failure(system_error(path, "cannot save the state"));
    const bool written = write_all(fd, text) && ::fsync(fd) == 0;
    const int write_errno = errno;
    ::close(fd);
    errno = write_errno;
    if (!written || ::renameat(directory_fd_, new_name, directory_fd_, name) != 0 ||
        ::fsync(directory_fd_) != 0) {
        return failure(system_error(path, "cannot save the state"));
    }
    return {};
}

Result<std::optional<std::string>> StateFile::read(const char* name) const {
    if (directory_fd_ < 0) return std::nullopt;
    const int fd = ::openat(directory_fd_, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno == ENOENT) return std::nullopt;
        return failure(system_error(directory_ / name, "cannot read the saved state"));
    }
    auto text = read_all(fd);
    const int read_errno = errno;
    ::close(fd);
    errno = read_errno;
    if (!text) return failure(system_error(directory_ / name, "cannot read the saved state"));
    return text;
}

Result<std::optional<SavedState>> StateFile::load() const {
    if (directory_.empty()) return std::nullopt;
    const auto text = read(kPromisesName);
    if (!text) return failure(text.error());
    if (!*text) return std::nullopt;
    auto promises = promises_from(**text);
    if (!promises) return failure(damaged(directory_ / kPromisesName, promises.error()));
    SavedState state;
    state.promises = std::move(promises->promises);
    const auto learned_text = read(kLearnedName);
    if (learned_text && *learned_text) {
        auto learned = learned_from(**learned_text);
        if (learned) {
            state.learned = std::move(*learned);
        } else {
            state.learned_lost = (directory_ / kLearnedName).string() + ": what was learned " +
                                 learned.error() + "; it is learned anew";
        }
    } else if (!learned_text) {
        state.learned_lost = learned_text.error() + "; it is learned anew";
    } else if (promises->learned) {
        state.learned = std::move(*promises->learned);
        // A disk that keeps nothing keeps the old file too.
        static_cast<void>(save(state.learned));
    }
    return state;
}

}  // namespace berkeley
