#include "page/page_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <string>
#include <system_error>
#include <utility>

namespace berkeley {

namespace {

constexpr mode_t kFolderMode = 0755;
/// As many as the kernel follows.
constexpr int kLinksMax = 40;
/// Somebody else may make or remove a folder between our steps; after so many attempts we give up.
constexpr int kFolderAttemptsMax = 8;

class Walk {
public:
    explicit Walk(const std::filesystem::path& folder) { push(folder); }

    Result<FileDescriptor> run() {
        if (auto root = go_to_root(); !root) return failure(root.error());
        while (!parts_.empty()) {
            const std::filesystem::path part = std::move(parts_.front());
            parts_.pop_front();
            if (part.empty() || part == "." || part == "/") continue;
            if (auto went = enter(part); !went) return failure(went.error());
        }
        if (auto fit = check_last(); !fit) return failure(fit.error());
        return std::move(here_);
    }

private:
    void push(const std::filesystem::path& path) { parts_.insert(parts_.begin(), path.begin(), path.end()); }

    /// The error says what is wrong with the place at hand, and what to do.
    tl::unexpected<std::string> bad(const std::string& why) const {
        return failure(fmt::format("clock page: folder {}: {}", path_.string(), why));
    }

    Result<void> go_to_root() {
        here_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        path_ = "/";
        below_public_ = false;
        if (here_.get() < 0 || ::fstat(here_.get(), &status_) != 0) return bad(system_text(errno));
        return {};
    }

    Result<void> enter(const std::filesystem::path& part) {
        const bool guarded = below_public_ || is_public();
        path_ /= part;
        auto next = open_or_make(part);
        if (!next) return failure(next.error());
        if (S_ISLNK(status_.st_mode)) return follow(next->get(), guarded);
        if (!S_ISDIR(status_.st_mode))
            return bad("is not a folder; remove it, or choose another --clock-page");
        here_ = std::move(*next);
        below_public_ = guarded;
        if (is_public() && !is_sticky()) {
            return bad(
                "everybody can write there, and replace what others made: chmod o-w (or +t) is needed, or "
                "another --clock-page");
        }
        // The owner of a folder may rename what others made in it, sticky or not.
        return guarded || is_public() ? check_ours() : Result<void>{};
    }

    Result<FileDescriptor> open_or_make(const std::filesystem::path& part) {
        for (int attempt = 0; attempt < kFolderAttemptsMax; ++attempt) {
            FileDescriptor fd{::openat(here_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
            if (fd.get() >= 0) {
                if (::fstat(fd.get(), &status_) != 0) return bad(system_text(errno));
                return fd;
            }
            if (errno != ENOENT) return bad(system_text(errno));
            if (::mkdirat(here_.get(), part.c_str(), kFolderMode) == 0) {
                if (auto opened = open_up(part); !opened) return failure(opened.error());
            } else if (errno != EEXIST) {
                return bad(system_text(errno));
            }
        }
        return bad("comes and goes; another process is at it");
    }

    /// The umask must not hide the clock from other users' applications.
    Result<void> open_up(const std::filesystem::path& part) {
        const FileDescriptor fd{
            ::openat(here_.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (fd.get() < 0 || ::fchmod(fd.get(), kFolderMode) != 0) return bad(system_text(errno));
        return {};
    }

    /// A link is part of the named path where only the operator can have made it (/var/run).
    Result<void> follow(int link, bool guarded) {
        if (guarded) {
            return bad(
                "is a symbolic link in a place where everybody can write; remove it, or choose another "
                "--clock-page");
        }
        if (++links_ > kLinksMax) return bad(system_text(ELOOP));
        std::array<char, PATH_MAX> target{};
        const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
        if (size < 0) return bad(system_text(errno));
        const std::filesystem::path to{std::string(target.data(), static_cast<std::size_t>(size))};
        push(to);
        if (to.is_absolute()) return go_to_root();
        path_ = path_.parent_path();
        if (::fstat(here_.get(), &status_) != 0) return bad(system_text(errno));
        return {};
    }

    /// A user who may write in the page's own folder can put another page there.
    Result<void> check_last() const { return check_ours(); }

    Result<void> check_ours() const {
        if (status_.st_uid != ::geteuid() && status_.st_uid != 0)
            return bad("belongs to another user; remove it, or choose another --clock-page");
        if ((status_.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_sticky())
            return bad("others can write there: chmod go-w is needed, or another --clock-page");
        return {};
    }

    bool is_public() const { return (status_.st_mode & S_IWOTH) != 0; }
    bool is_sticky() const { return (status_.st_mode & S_ISVTX) != 0; }

    std::deque<std::filesystem::path> parts_;  ///< what is still to be entered
    FileDescriptor here_;
    struct stat status_ {};       ///< of here_, or of what was opened last
    std::filesystem::path path_;  ///< of the same, for people
    bool below_public_ = false;   ///< somewhere above everybody may write
    int links_ = 0;
};

}  // namespace

std::string system_text(int error) { return std::generic_category().message(error); }

Result<FileDescriptor> open_page_folder(const std::filesystem::path& folder) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(folder, error);
    if (error) return failure(fmt::format("clock page: folder {}: {}", folder.string(), error.message()));
    return Walk{absolute}.run();
}

}  // namespace berkeley
