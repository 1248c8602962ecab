#include "io/clock_page_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "io/clock_page_layout.h"
#include "io/file_descriptor.hpp"

namespace berkeley {

namespace {

constexpr mode_t kFolderMode = 0755;
constexpr mode_t kFileMode = 0644;
/// Another writer may remove or create the file between our steps; so often is somebody at war with us.
constexpr int kAttemptsMax = 8;
/// No version of the page is larger.
constexpr off_t kFileSizeMax = 4096;

std::string system_text(int error) { return std::generic_category().message(error); }

/// A folder, or a link to one, in a place where everybody may write can have been planted: it must be ours or
/// root's. And nobody else may rename or replace what is in it.
Result<void> check_folder(const std::filesystem::path& folder, bool parent_is_public) {
    const auto bad = [&folder](const std::string& why) {
        return failure(fmt::format("clock page: folder {}: {}", folder.string(), why));
    };
    struct stat link{};
    struct stat status{};
    if (::lstat(folder.c_str(), &link) != 0 || ::stat(folder.c_str(), &status) != 0) return bad(system_text(errno));
    if (!S_ISDIR(status.st_mode)) return failure(fmt::format("clock page: {} is not a folder", folder.string()));
    if (!parent_is_public) return {};
    for (const struct stat& part : {link, status}) {
        if (part.st_uid != ::geteuid() && part.st_uid != 0)
            return bad("belongs to another user; remove it, or choose another --clock-page");
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0)
        return bad("others can write there: chmod go-w is needed");
    return {};
}

bool is_public(const std::filesystem::path& folder) {
    struct stat status{};
    return ::stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0;
}

Result<void> make_folders(const std::filesystem::path& folder) {
    std::filesystem::path so_far;
    bool below_public = false;
    for (const auto& part : folder) {
        so_far /= part;
        if (::mkdir(so_far.c_str(), kFolderMode) == 0) {
            // The umask must not hide the clock from other users' applications.
            if (::chmod(so_far.c_str(), kFolderMode) != 0)
                return failure(fmt::format("clock page: {}: {}", so_far.string(), system_text(errno)));
        }
        // Whether mkdir() failed because the folder exists or for another reason shows here.
        if (auto checked = check_folder(so_far, below_public); !checked) return checked;
        below_public = below_public || is_public(so_far);
    }
    return {};
}

Result<void> prepare_new(int fd) {
    if (::fchmod(fd, kFileMode) != 0 || ::flock(fd, LOCK_EX | LOCK_NB) != 0 ||
        ::ftruncate(fd, BERKELEY_PAGE_BYTES) != 0)
        return failure(system_text(errno));
    // The header is there before the name is: a reader never opens half a page.
    const std::uint64_t header = BERKELEY_PAGE_HEADER_VALUE;
    if (::pwrite(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header))
        return failure(system_text(errno));
    return {};
}

/// The new file, or nothing where somebody was faster.
Result<std::optional<int>> create_new(const std::string& path) {
    const std::string temporary = fmt::format("{}.new.{}", path, ::getpid());
    ::unlink(temporary.c_str());  // of a process that died with our id
    FileDescriptor fd{::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode)};
    if (fd.get() < 0) return failure(fmt::format("clock page: {}: {}", temporary, system_text(errno)));
    if (auto prepared = prepare_new(fd.get()); !prepared) {
        ::unlink(temporary.c_str());
        return failure(fmt::format("clock page: {}: {}", temporary, prepared.error()));
    }
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        if (error == EEXIST) return std::optional<int>{};
        return failure(fmt::format("clock page: {}: {}", path, system_text(error)));
    }
    return std::optional<int>{fd.release()};
}

Result<void> check_existing(int fd, const std::string& path) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return failure(fmt::format("clock page: {}: {}", path, system_text(errno)));
    if (!S_ISREG(status.st_mode)) return failure(fmt::format("clock page: {} is not a plain file", path));
    if (status.st_uid != ::geteuid())
        return failure(fmt::format("clock page: {} belongs to another user", path));
    // A second name may be a trap that somebody linked to a file of ours.
    if (status.st_nlink > 1) return failure(fmt::format("clock page: {} has a second name", path));
    // A mistyped path must not cost somebody a file: what was never a clock page is left alone.
    std::uint64_t header = 0;
    const bool readable = ::pread(fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header);
    if (status.st_size > kFileSizeMax || (status.st_size > 0 && (!readable || header >> 32 != BERKELEY_PAGE_MAGIC)))
        return failure(fmt::format("clock page: {} is another kind of file; choose another path", path));
    return {};
}

bool is_still_named(int fd, const std::string& path) {
    struct stat by_fd{};
    struct stat by_name{};
    return ::fstat(fd, &by_fd) == 0 && ::lstat(path.c_str(), &by_name) == 0 && by_fd.st_dev == by_name.st_dev &&
           by_fd.st_ino == by_name.st_ino;
}

/// The existing file, or nothing where it is not there (any more).
Result<std::optional<int>> open_existing(const std::string& path) {
    FileDescriptor fd{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (fd.get() < 0) {
        if (errno == ENOENT) return std::optional<int>{};
        if (errno == ELOOP) return failure(fmt::format("clock page: {} is a symbolic link", path));
        return failure(fmt::format("clock page: {}: {}", path, system_text(errno)));
    }
    if (!is_still_named(fd.get(), path)) return std::optional<int>{};
    if (auto checked = check_existing(fd.get(), path); !checked) return failure(checked.error());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return failure(fmt::format("clock page: {} is being written by another process", path));
    // Its last writer may have removed it while we waited for the lock.
    if (!is_still_named(fd.get(), path)) return std::optional<int>{};
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 ||
        (status.st_size < BERKELEY_PAGE_BYTES && ::ftruncate(fd.get(), BERKELEY_PAGE_BYTES) != 0) ||
        ::fchmod(fd.get(), kFileMode) != 0)
        return failure(fmt::format("clock page: {}: {}", path, system_text(errno)));
    return std::optional<int>{fd.release()};
}

}  // namespace

Result<int> open_clock_page_file(const std::string& path) {
    const std::filesystem::path file{path};
    if (file.filename().empty()) return failure(fmt::format("clock page: '{}' names no file", path));
    if (file.has_parent_path()) {
        if (auto made = make_folders(file.parent_path()); !made) return failure(made.error());
    }
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        auto existing = open_existing(path);
        if (!existing) return failure(existing.error());
        if (*existing) return **existing;
        auto created = create_new(path);
        if (!created) return failure(created.error());
        if (*created) return **created;
    }
    return failure(fmt::format("clock page: {} comes and goes; another process is at it", path));
}

}  // namespace berkeley
