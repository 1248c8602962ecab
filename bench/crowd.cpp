#include "bench/crowd.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

constexpr int kEventsMax = 64;
constexpr std::size_t kBeginAtOnce = 32;
constexpr Duration kBeginEvery = std::chrono::milliseconds{20};
/// libzmq's own sockets, and rounding.
constexpr std::size_t kSpareSockets = 16;

}  // namespace

Crowd::Crowd(std::size_t size) : sockets_(2 * size), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    context_.set(zmq::ctxopt::max_sockets, static_cast<int>(sockets_.size() + kSpareSockets));
}

void Crowd::watch(std::size_t index) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket_option(sockets_[index].socket, ZMQ_FD), &event);
    touched_.push_back(index);
}

/// libzmq closes the descriptor of a closed socket in its own time.
void Crowd::unwatch(std::size_t index) {
    if (!sockets_[index]) return;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_option(sockets_[index].socket, ZMQ_FD), nullptr);
    sockets_[index].close();
}

void Crowd::connect(std::size_t member, std::string_view url) {
    const std::size_t index = index_of(member, Side::dealer);
    unwatch(index);
    const auto prepare = [](zmq::socket_t& socket) -> Result<void> {
        socket.set(zmq::sockopt::immediate, true);
        return {};
    };
    if (open_connected(context_, zmq::socket_type::dealer, url, prepare, sockets_[index])) watch(index);
}

void Crowd::subscribe(std::size_t member, std::string_view url, const std::string& own_topic) {
    const std::size_t index = index_of(member, Side::subscriber);
    unwatch(index);
    const auto prepare = [&](zmq::socket_t& socket) -> Result<void> {
        socket.set(zmq::sockopt::subscribe, own_topic);
        socket.set(zmq::sockopt::subscribe, kRoundTopic);
        return {};
    };
    if (open_connected(context_, zmq::socket_type::sub, url, prepare, sockets_[index])) watch(index);
}

bool Crowd::send(std::size_t member, std::span<const std::byte> payload) {
    const std::size_t index = index_of(member, Side::dealer);
    if (!sockets_[index]) return false;
    if (!draining_) touched_.push_back(index);
    return send_frame(sockets_[index].socket, payload.data(), payload.size(), 0);
}

void Crowd::drain(std::size_t index) {
    const std::size_t member = index / 2;
    const Side side = index % 2 == 0 ? Side::dealer : Side::subscriber;
    draining_ = true;
    zmq::message_t topic;
    zmq::message_t payload;
    // A message may have the socket made anew: then it is another one's turn.
    while (sockets_[index]) {
        if (side == Side::subscriber && receive_frame(sockets_[index].socket, topic) < 0) break;
        if (receive_frame(sockets_[index].socket, payload) < 0) break;
        on_message({member,
                    side,
                    {static_cast<const char*>(topic.data()), topic.size()},
                    {static_cast<const std::byte*>(payload.data()), payload.size()},
                    clock_.now()});
    }
    draining_ = false;
}

/// When the next ones begin.
RawTime Crowd::begin_some(RawTime now) {
    for (std::size_t i = 0; i < kBeginAtOnce && begun_ < size(); ++i) begin(begun_++);
    return begun_ < size() ? now + kBeginEvery : RawTime::max();
}

void Crowd::run() {
    std::array<epoll_event, kEventsMax> events{};
    RawTime begin_at = clock_.now();
    RawTime due = begin_at;
    for (;;) {
        if (const RawTime now = clock_.now(); now >= begin_at) begin_at = begin_some(now);
        for (const std::size_t index : std::exchange(touched_, {})) drain(index);
        const auto wait =
            std::chrono::ceil<std::chrono::milliseconds>(std::min(due, begin_at) - clock_.now()).count();
        const int timeout = touched_.empty() ? static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1000)) : 0;
        const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsMax, timeout);
        if (count < 0 && errno != EINTR) return;
        for (int i = 0; i < count; ++i) drain(events[static_cast<std::size_t>(i)].data.u64);
        if (const RawTime now = clock_.now(); now >= due) due = on_timer(now);
    }
}

void Crowd::count_correction(std::uint64_t round, RawTime at) {
    if (round != round_) corrected_ = 0;
    round_ = round;
    if (++corrected_ != size()) return;
    std::printf("{\"corrected\":%llu,\"last_ns\":%lld}\n", static_cast<unsigned long long>(round),
                static_cast<long long>(to_ns(at)));
    std::fflush(stdout);
}

std::string member_name(std::size_t index) { return "s" + std::to_string(index); }

}  // namespace berkeley::bench
