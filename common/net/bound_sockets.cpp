#include "net/bound_sockets.hpp"

#include <atomic>
#include <optional>
#include <string>

namespace berkeley {
namespace {

/// Most events of connections that are taken in before a message is judged. If there were more, the message
/// could be attributed to a connection before or after its own; that one would be cut for its silence and
/// come back.
constexpr std::size_t kMaxEventsAhead = 4096;

/// The longest message of a subscriber; the CURVE handshake needs half of it.
constexpr std::int64_t kMaxSubscriptionBytes = 1024;

constexpr int kBoundEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// The id that a new ROUTER gives to its first peer: one of our own, within this process.
std::optional<Route> first_route(zmq::context_t& context, zmq::socket_t& router) {
    static std::atomic<std::uint64_t> number{0};
    const std::string address = "inproc://berkeley.route." + std::to_string(++number);
    router.bind(address);
    zmq::socket_t peer(context, zmq::socket_type::dealer);
    peer.set(zmq::sockopt::linger, 0);
    peer.connect(address);
    send_frame(peer, nullptr, 0, 0);
    zmq::message_t identity;
    zmq::message_t empty;
    const bool came = receive_frame(router, identity) >= 0 && receive_frame(router, empty) >= 0;
    router.unbind(address);
    return came ? route_of(identity) : std::nullopt;
}

}  // namespace

Result<Url> BoundSockets::bind(zmq::context_t& context, Gate& gate, BoundSocket which, std::string_view url) {
    const auto type = which == BoundSocket::poll ? zmq::socket_type::router : zmq::socket_type::xpub;
    Bound& target = at(which);
    target.socket.close();
    target.ambiguous = false;
    gate.on_bound(which);
    return open_bound(
        context, type, url,
        [&](zmq::socket_t& socket) -> Result<void> {
            if (type == zmq::socket_type::router) socket.set(zmq::sockopt::router_mandatory, true);
            // Every subscription is judged before it counts.
            if (type == zmq::socket_type::xpub) {
                socket.set(zmq::sockopt::xpub_manual, true);
                // libzmq keeps a node of a trie for each byte of a topic, and ours are short.
                socket.set(zmq::sockopt::maxmsgsize, kMaxSubscriptionBytes);
            }
            if (gate.secured()) {
                if (const auto safe = secure_server(socket, gate.own_keys()); !safe) return safe;
            }
            open_monitor(context, socket, kBoundEvents, target.monitor);
            if (which == BoundSocket::poll) gate.begin_routes(first_route(context, socket));
            return {};
        },
        target.socket);
}

void BoundSockets::close(int linger_ms) {
    for (Bound& bound : bound_) {
        bound.socket.close(linger_ms);
        bound.monitor.close();
    }
}

/// A subscriber sends one byte, 1 or 0, and the topic. libzmq applies our answer to the peer whose frame was
/// taken last, by a list of its own that holds subscriptions only. After any other frame that list is out of
/// step, and libzmq would grant the next subscriptions to the wrong peers, until all frames are taken in. We
/// cut the connections of those; they come back.
bool BoundSockets::take_upstream(BoundSocket which, Gate& gate, const RawSource& clock) {
    Bound& from = at(which);
    zmq::message_t frame;
    if (receive_frame(from.socket.socket, frame) < 0) {
        from.ambiguous = false;
        return false;
    }
    const auto* bytes = static_cast<const char*>(frame.data());
    const bool single = !frame.more() && !from.socket.skipping;
    from.socket.skipping = frame.more();
    Gate::Upstream kind = Gate::Upstream::subscription;
    if (!single || frame.size() == 0 || (bytes[0] != 0 && bytes[0] != 1)) {
        kind = Gate::Upstream::foreign;
    } else if (from.ambiguous) {
        kind = Gate::Upstream::ambiguous;
    }
    from.ambiguous = from.ambiguous || kind == Gate::Upstream::foreign;
    take_events(which, gate, clock);
    if (!gate.on_upstream(which, kind, frame, clock.now())) return true;
    zmq_setsockopt(from.socket.socket.handle(), bytes[0] == 1 ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, bytes + 1,
                   frame.size() - 1);
    return true;
}

void BoundSockets::take_events(BoundSocket which, Gate& gate, const RawSource& clock) {
    Socket& monitor = at(which).monitor;
    if (!monitor) return;
    MonitorEvent event;
    for (std::size_t i = 0; i < kMaxEventsAhead; ++i) {
        if (!next_event(monitor, event)) {
            monitor.readiness = Readiness::settled;
            return;
        }
        gate.on_connection(which, event, clock.now());
    }
    monitor.readiness = Readiness::backlog;
}

void BoundSockets::take_all_events(Gate& gate, const RawSource& clock) {
    for (const BoundSocket which : {BoundSocket::poll, BoundSocket::publish, BoundSocket::heartbeat}) {
        take_events(which, gate, clock);
    }
}

}  // namespace berkeley
