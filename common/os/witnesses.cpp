#include "os/witnesses.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace berkeley {

namespace {

/// A uevent is at most two pages.
constexpr std::size_t kUeventBytes = 8192;
/// More wait only where nobody took them for long; the rest is taken at the next wake.
constexpr int kUeventsAtOnce = 64;
constexpr unsigned kKernelUevents = 1;

FileDescriptor open_uevents() {
    FileDescriptor socket(
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = kKernelUevents;
    if (socket.get() >= 0 &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        socket.reset();
    }
    return socket;
}

/// Never fires by itself in this life; the kernel cancels it when CLOCK_REALTIME is set.
FileDescriptor open_set_timer() {
    FileDescriptor timer(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (timer.get() < 0) return timer;
    itimerspec spec{};
    spec.it_value.tv_sec = std::int64_t{1} << 33;  // the year 2242
    if (::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr) != 0) {
        timer.reset();
    }
    return timer;
}

}  // namespace

bool is_new_vm_generation(std::string_view uevent) {
    constexpr std::string_view kWord = "NEW_VMGENID=1";
    // "change@/devices/...", and then variables, each with a zero at its end.
    while (!uevent.empty()) {
        const std::size_t end = std::min(uevent.find('\0'), uevent.size());
        if (uevent.substr(0, end) == kWord) return true;
        uevent.remove_prefix(std::min(end + 1, uevent.size()));
    }
    return false;
}

Witnesses::Witnesses(SuspendDetector suspend, const WitnessPlaces& places,
                     std::optional<FileDescriptor> uevents)
    : suspend_(suspend),
      vm_clock_(places.vm_clock),
      set_timer_(open_set_timer()),
      uevents_(uevents ? std::move(*uevents) : open_uevents()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      clock_source_file_(::open(places.clock_source.c_str(), O_RDONLY | O_CLOEXEC)),
      clock_source_(read_clock_source()) {
    static_cast<void>(suspend_.update());
    for (const FileDescriptor* source : {&set_timer_, &uevents_}) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (source->get() >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, source->get(), &event);
    }
}

std::string_view Witnesses::look() {
    const bool slept = suspend_.update() != Duration{0};
    const bool disrupted = vm_clock_.disrupted();
    if (std::exchange(new_generation_, false) || disrupted) {
        return "the virtual machine was paused, moved or restored";
    }
    return slept ? std::string_view("the machine was suspended") : std::string_view{};
}

bool Witnesses::take_woken() {
    std::array<char, kUeventBytes> buffer;  // NOLINT: filled by recv
    for (int i = 0; i < kUeventsAtOnce && uevents_.get() >= 0; ++i) {
        const ssize_t got = ::recv(uevents_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        // A buffer that overflowed reads as an error once, and has room again.
        if (got <= 0 && errno != ENOBUFS) break;
        if (got > 0 && is_new_vm_generation({buffer.data(), static_cast<std::size_t>(got)})) {
            new_generation_ = true;
        }
    }
    std::uint64_t expirations = 0;
    return set_timer_.get() >= 0 && ::read(set_timer_.get(), &expirations, sizeof expirations) < 0 &&
           errno == ECANCELED;
}

std::optional<std::string> Witnesses::changed_clock_source() {
    std::string now = read_clock_source();
    if (now.empty() || now == clock_source_) return std::nullopt;
    return std::exchange(clock_source_, std::move(now));
}

std::string Witnesses::read_clock_source() const {
    std::array<char, 64> buffer{};
    if (clock_source_file_.get() < 0) return {};
    const ssize_t got = ::pread(clock_source_file_.get(), buffer.data(), buffer.size(), 0);
    std::string name(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!name.empty() && name.back() <= ' ') name.pop_back();
    return name;
}

}  // namespace berkeley
