#include "net/poll_set.hpp"

#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "base/int128.hpp"

namespace berkeley {
namespace {

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    return set;
}

tl::unexpected<std::string> failed(const char* call) {
    return failure(std::string(call) + ": " + std::strerror(errno));
}

}  // namespace

Result<void> PollSet::open(const RawSource& clock, bool handle_signals,
                           std::shared_ptr<const Doorbell> doorbell, int witnesses) {
    clock_ = clock;
    witnesses_ = witnesses;
    doorbell_ = std::move(doorbell);
    if (handle_signals) {
        const sigset_t set = handled_signals();
        if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return failure("cannot block signals");
        signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (signals_.get() < 0) return failed("signalfd");
    }
    // CLOCK_BOOTTIME goes on in a suspend: a deadline that passed meanwhile wakes the loop on resume.
    timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (timer_.get() < 0) return failed("timerfd");
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll_.get() < 0) return failed("epoll");
    return {};
}

void PollSet::clear() {
    for (const int descriptor : watched_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    watched_.clear();
}

bool PollSet::watch(int descriptor, std::size_t item) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = item;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
    watched_.push_back(descriptor);
    return true;
}

bool PollSet::add(int descriptor, std::size_t n) { return watch(descriptor, kFirstSocket + n); }

bool PollSet::add_own() {
    bool whole = watch(timer_.get(), kTimer);
    if (signals_.get() >= 0) whole = watch(signals_.get(), kSignals) && whole;
    if (witnesses_ >= 0) whole = watch(witnesses_, kWitnesses) && whole;
    if (doorbell_) whole = watch(doorbell_->descriptor(), kDoorbell) && whole;
    return whole;
}

/// poll(2) counts in milliseconds, and the next probe is due in microseconds. A timer that will fire before
/// the deadline is left as it is, since one early wake now and then costs less than setting it for every
/// message. It runs on the true monotonic clock; where injected drift makes it fire early, it is set again.
bool PollSet::arm(RawTime deadline) {
    if (deadline == RawTime::max()) return true;
    const RawTime now = clock_.now();
    if (deadline <= now) return false;
    if (armed_ && *armed_ > now && *armed_ <= deadline) return true;
    const std::int64_t ns = saturate(Int128{to_ns(deadline)} - to_ns(now));
    itimerspec spec{};
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
    ::timerfd_settime(timer_.get(), 0, &spec, nullptr);
    armed_ = deadline;
    return true;
}

int PollSet::wait(bool may_sleep) {
    ready_.resize(std::max<std::size_t>(1, watched_.size()));
    return ::epoll_wait(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), may_sleep ? -1 : 0);
}

void PollSet::take(std::size_t item, News& news) {
    if (item == kTimer) {
        std::uint64_t expirations = 0;
        static_cast<void>(!::read(timer_.get(), &expirations, sizeof expirations));
        armed_.reset();
    } else if (item == kSignals) {
        news.signal = take_signal();
    } else if (item == kWitnesses) {
        news.woken = true;
    } else {
        doorbell_->silence();
        news.rung = true;
    }
}

std::optional<int> PollSet::take_signal() const {
    signalfd_siginfo info{};
    if (signals_.get() < 0 || ::read(signals_.get(), &info, sizeof(info)) != sizeof(info))
        return std::nullopt;
    return static_cast<int>(info.ssi_signo);
}

}  // namespace berkeley
