#include "page/clock_page_file.hpp"

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

#include "page/clock_page_layout.h"
#include "page/page_folder.hpp"

namespace berkeley {

namespace {

constexpr mode_t kFileMode = 0644;
/// Another writer may remove or create the file between our steps; after so many attempts we give up.
constexpr int kAttemptsMax = 8;
/// No version of the page is larger.
constexpr off_t kFileSizeMax = 4096;

/// The place of the page: a name below an opened folder, so that nobody can lead us elsewhere in between.
struct Place {
    int folder;
    std::string name;
    std::string path;  ///< for people

    tl::unexpected<std::string> bad(const std::string& why) const {
        return failure(fmt::format("clock page: {}: {}", path, why));
    }
};

Result<void> prepare_new(int fd) {
    if (::fchmod(fd, kFileMode) != 0 || ::flock(fd, LOCK_EX | LOCK_NB) != 0 ||
        ::ftruncate(fd, BERKELEY_PAGE_BYTES) != 0)
        return failure(system_text(errno));
    // The header is written before the file has its name, so a reader never opens half a page.
    const std::uint64_t header = BERKELEY_PAGE_HEADER_VALUE;
    if (::pwrite(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header))
        return failure(system_text(errno));
    return {};
}

/// The new file, or nothing where somebody was faster.
Result<std::optional<int>> create_new(const Place& place) {
    const std::string temporary = fmt::format("{}.new.{}", place.name, ::getpid());
    ::unlinkat(place.folder, temporary.c_str(), 0);  // left by a process that died with our id
    FileDescriptor fd{::openat(place.folder, temporary.c_str(),
                               O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode)};
    if (fd.get() < 0) return place.bad(fmt::format("cannot be written: {}", system_text(errno)));
    if (auto prepared = prepare_new(fd.get()); !prepared) {
        ::unlinkat(place.folder, temporary.c_str(), 0);
        return place.bad(prepared.error());
    }
    if (::renameat2(place.folder, temporary.c_str(), place.folder, place.name.c_str(), RENAME_NOREPLACE) !=
        0) {
        const int error = errno;
        ::unlinkat(place.folder, temporary.c_str(), 0);
        if (error == EEXIST) return std::optional<int>{};
        return place.bad(system_text(error));
    }
    return std::optional<int>{fd.release()};
}

Result<void> check_existing(int fd, const Place& place) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return place.bad(system_text(errno));
    if (status.st_uid != ::geteuid())
        return place.bad("belongs to another user; choose another --clock-page");
    // A second name may be a trap that somebody linked to a file of ours.
    if (status.st_nlink > 1) return place.bad("has a second name; remove it, or choose another --clock-page");
    // A mistyped path must not cost somebody a file: a file that was never a clock page is left alone.
    std::uint64_t header = 0;
    const bool readable = ::pread(fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header);
    if (status.st_size > kFileSizeMax ||
        (status.st_size > 0 && (!readable || header >> 32 != BERKELEY_PAGE_MAGIC)))
        return place.bad("is another kind of file; choose another --clock-page");
    return {};
}

bool is_named(int fd, int folder, const char* name) {
    struct stat by_fd {};
    struct stat by_name {};
    return ::fstat(fd, &by_fd) == 0 && ::fstatat(folder, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

bool is_still_named(int fd, const Place& place) { return is_named(fd, place.folder, place.name.c_str()); }

/// The existing file, or nothing where it is not there (any more).
Result<std::optional<int>> open_existing(const Place& place) {
    struct stat named {};
    if (::fstatat(place.folder, place.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::optional<int>{};
        return place.bad(system_text(errno));
    }
    if (!S_ISREG(named.st_mode)) {
        return place.bad(fmt::format("is {}, not a plain file; remove it, or choose another --clock-page",
                                     S_ISLNK(named.st_mode)   ? "a symbolic link"
                                     : S_ISDIR(named.st_mode) ? "a folder"
                                                              : "something else"));
    }
    FileDescriptor fd{
        ::openat(place.folder, place.name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (fd.get() < 0) {
        if (errno == ENOENT || errno == ELOOP) return std::optional<int>{};  // replaced meanwhile
        if (errno == EACCES && named.st_uid != ::geteuid())
            return place.bad("belongs to another user; choose another --clock-page");
        return place.bad(system_text(errno));
    }
    if (!is_still_named(fd.get(), place)) return std::optional<int>{};
    if (auto checked = check_existing(fd.get(), place); !checked) return failure(checked.error());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return place.bad("is being written by another process; give each node its own --id or --clock-page");
    // Its last writer may have removed it while we waited for the lock.
    if (!is_still_named(fd.get(), place)) return std::optional<int>{};
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 ||
        (status.st_size < BERKELEY_PAGE_BYTES && ::ftruncate(fd.get(), BERKELEY_PAGE_BYTES) != 0) ||
        ::fchmod(fd.get(), kFileMode) != 0)
        return place.bad(system_text(errno));
    return std::optional<int>{fd.release()};
}

}  // namespace

bool is_clock_page_at(int fd, const std::string& path) { return is_named(fd, AT_FDCWD, path.c_str()); }

Result<int> open_clock_page_file(const std::string& path) {
    const std::filesystem::path file{path};
    if (file.filename().empty() || file.filename() == "." || file.filename() == "..")
        return failure(fmt::format("clock page: '{}' names no file", path));
    const auto folder = open_page_folder(file.has_parent_path() ? file.parent_path() : ".");
    if (!folder) return failure(folder.error());
    const Place place{folder->get(), file.filename().string(), path};
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        auto existing = open_existing(place);
        if (!existing) return failure(existing.error());
        if (*existing) return **existing;
        auto created = create_new(place);
        if (!created) return failure(created.error());
        if (*created) return **created;
    }
    return place.bad("comes and goes; another process is at it");
}

}  // namespace berkeley
