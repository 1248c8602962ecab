#include "bench/bare_zmq.hpp"

#include <cerrno>
#include <cstring>

#include "bench/peer.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

Result<void> nothing(zmq::socket_t&) { return {}; }

/// False: nothing to read by then, or no context any more.
bool wait(zmq::socket_t& socket, Duration patience) {
    zmq_pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
    return zmq_poll(&item, 1, patience == Duration::max() ? -1 : ms) > 0;
}

}  // namespace

Result<Url> BareRouter::bind(std::string_view url) {
    return open_bound(context_, zmq::socket_type::router, url, nothing, router_);
}

bool BareRouter::await_greeting(Duration patience) { return receive(patience) && payload().empty(); }

bool BareRouter::send(const Bytes& route, std::span<const std::byte> payload) {
    return send_frame(router_.socket, route.data(), route.size(), ZMQ_SNDMORE) &&
           send_frame(router_.socket, payload.data(), payload.size(), 0);
}

bool BareRouter::receive(Duration patience) {
    // A message that is there already costs no poll.
    if (patience > Duration{0} && !wait(router_.socket, patience)) return false;
    received_at_ = true_now();
    return receive_frame(router_.socket, route_) >= 0 && receive_frame(router_.socket, payload_) >= 0;
}

void serve(zmq::context_t& context, std::string_view url, const Answer& answer) {
    Socket dealer;
    if (!open_connected(context, zmq::socket_type::dealer, url, nothing, dealer)) return;
    if (!send_frame(dealer.socket, nullptr, 0, 0)) return;
    zmq::message_t request;
    for (;;) {
        if (!wait(dealer.socket, Duration::max()) && errno != EINTR) return;
        const TrueTime at = true_now();
        if (receive_frame(dealer.socket, request) < 0) continue;
        const auto reply = answer({request.data<std::byte>(), request.size()}, at);
        send_frame(dealer.socket, reply.data(), reply.size(), 0);
    }
}

Answer echo() {
    return [reply = Bytes(poll_sizes().reply)](std::span<const std::byte> request, TrueTime) mutable {
        number(reply, number_of(request));
        return std::span<const std::byte>(reply);
    };
}

void number(Bytes& payload, std::uint64_t value) { std::memcpy(payload.data(), &value, sizeof value); }

std::uint64_t number_of(std::span<const std::byte> payload) {
    std::uint64_t value = 0;
    if (payload.size() >= sizeof value) std::memcpy(&value, payload.data(), sizeof value);
    return value;
}

int run_libzmq_peer(const Words& words) {
    zmq::context_t context{1};
    serve(context, words.at(0), echo());
    return 1;
}

std::string libzmq_version() {
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

}  // namespace berkeley::bench
