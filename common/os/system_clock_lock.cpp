#include "os/system_clock_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

#include "base/text.hpp"

namespace berkeley {

namespace {

/// The mark first, at a fixed width, so that it can be rewritten in place with one call.
constexpr std::size_t kMarkBytes = 64;
constexpr std::size_t kOwnerMaxBytes = 200;
/// The holder tells its kernel and its file one after the other; whoever looks in between looks again.
constexpr int kLooks = 3;
constexpr auto kBetweenLooks = std::chrono::milliseconds{2};

std::string text_of(const KernelMark& mark) {
    std::string text = fmt::format("{} {} {}", mark.frequency, mark.tick, mark.esterror);
    text.resize(kMarkBytes - 1, ' ');
    return text + "\n";
}

struct Holder {
    KernelMark mark;
    std::string name;
};

std::optional<Holder> read_holder(int file) {
    std::array<char, kMarkBytes + kOwnerMaxBytes> buffer{};
    const ssize_t got = ::pread(file, buffer.data(), buffer.size() - 1, 0);
    if (got < static_cast<ssize_t>(kMarkBytes)) return std::nullopt;
    long long frequency = 0;
    long long tick = 0;
    long long esterror = 0;
    if (std::sscanf(buffer.data(), "%lld %lld %lld", &frequency, &tick, &esterror) != 3) return std::nullopt;
    std::string name =
        one_line(std::string_view(buffer.data() + kMarkBytes, static_cast<std::size_t>(got) - kMarkBytes));
    while (!name.empty() && name.back() == ' ') name.pop_back();
    return Holder{{frequency, tick, esterror}, std::move(name)};
}

/// Another user's file is opened to be read: that is enough for a lock.
int open_lock(const char* path) {
    int file = ::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT) {
        file = ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (file >= 0) static_cast<void>(::fchmod(file, 0644));  // whatever the umask is
    }
    if (file < 0 && errno == EEXIST) file = ::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == EACCES) file = ::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return file;
}

}  // namespace

std::vector<std::string> SystemClockLock::usual_paths() {
    return {"/run/lock/berkeley-system-clock", "/run/berkeley-system-clock"};
}

Result<SystemClockLock> SystemClockLock::take(const std::vector<std::string>& paths, const std::string& owner,
                                              const std::function<KernelMark()>& look,
                                              std::string& complaint) {
    SystemClockLock lock;
    std::string path;
    for (const std::string& candidate : paths) {
        path = candidate;
        lock.file_.reset(open_lock(path.c_str()));
        if (lock.held()) break;
        complaint = path + ": " + std::strerror(errno);
    }
    if (!lock.held()) {
        complaint += ": a second node that steers this machine's clock would not be noticed at its start";
        return lock;
    }
    complaint.clear();
    if (::flock(lock.file_.get(), LOCK_EX | LOCK_NB) == 0) {
        lock.owner_ = one_line(owner).substr(0, kOwnerMaxBytes - 1);
        return lock;
    }
    std::string name = "another node";
    for (int i = 0; i < kLooks; ++i) {
        if (const auto holder = read_holder(lock.file_.get())) {
            name = holder->name;
            if (holder->mark == look()) {
                return failure("--clock system: " + name + " steers this machine's clock already (it holds " +
                               path + "): end it, or choose --clock virtual");
            }
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
    complaint = path + " is held by " + name + ", which steers the clock of another kernel";
    return SystemClockLock{};
}

void SystemClockLock::tell(const KernelMark& mark) {
    if (!held()) return;
    const std::string text = text_of(mark) + owner_ + "\n";
    if (::pwrite(file_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
        static_cast<void>(::ftruncate(file_.get(), static_cast<off_t>(text.size())));
    }
}

}  // namespace berkeley
