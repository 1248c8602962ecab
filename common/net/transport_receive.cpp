// The receiving half of a Transport: one poll() drains the sockets in the order of their slots.
#include <algorithm>
#include <cassert>
#include <cerrno>

#include "net/transport_impl.hpp"

namespace berkeley {
namespace {

/// Shares of one poll(): what a single socket may bring in.
constexpr std::size_t kRouterShare = 32;
constexpr std::size_t kLinkShare = 4;
static_assert(kMaxReceivePerPoll == kRouterShare + 3 * kLinkShare * kMaxLinks);
/// Subscriptions, handshakes and events of connections that are taken in at a time.
constexpr std::size_t kServiceShare = 32;

/// Frames of surplus that one socket may have thrown away in one poll(): an endless multipart message costs
/// its sender's turn, not ours.
constexpr std::size_t kMaxSkippedFrames = 64;

std::size_t share_of(const Slot& slot) {
    if (slot.kind != Slot::Kind::messages) return kServiceShare;
    return slot.source == Source::router ? kRouterShare : kLinkShare;
}

}  // namespace

void Transport::Impl::rebuild_slots() {
    slots.clear();
    poll_set.clear();
    const auto add = [&](Socket& socket, Slot::Kind kind, Source source, Link link, BoundSocket which = {}) {
        if (socket) slots.push_back({&socket, kind, source, link, which});
    };
    add(router(), Slot::Kind::messages, Source::router, 0);
    for (std::size_t i = 0; i < links.size(); ++i) {
        add(links[i].of(Source::dealer).socket(), Slot::Kind::messages, Source::dealer, static_cast<Link>(i));
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        for (const Source source : {Source::heartbeat, Source::publish}) {
            add(links[i].of(source).socket(), Slot::Kind::messages, source, static_cast<Link>(i));
        }
    }
    for (const BoundSocket which : {BoundSocket::publish, BoundSocket::heartbeat}) {
        add(bound.socket(which), Slot::Kind::subscriptions, Source::publish, 0, which);
    }
    if (gate->zap() != nullptr) add(gate->zap()->socket(), Slot::Kind::handshakes, Source::router, 0);
    for (const BoundSocket which : {BoundSocket::poll, BoundSocket::publish, BoundSocket::heartbeat}) {
        add(bound.monitor(which), Slot::Kind::bound_events, Source::router, 0, which);
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        for (const Source source : {Source::dealer, Source::heartbeat, Source::publish}) {
            add(links[i].of(source).monitor(), Slot::Kind::link_events, source, static_cast<Link>(i));
        }
    }
    bool whole = poll_set.add_own();
    for (std::size_t i = 0; i < slots.size(); ++i) {
        whole = poll_set.add(socket_option(slots[i].socket->socket, ZMQ_FD), i) && whole;
    }
    slots_stale = !whole;
}

/// Throws away what is left of a message that is longer than ours are. False: not at its end yet.
bool Transport::Impl::finish_surplus(Socket& socket) {
    for (std::size_t i = 0; i < kMaxSkippedFrames && socket.skipping; ++i) {
        zmq::message_t frame;
        if (receive_frame(socket.socket, frame) < 0) {
            socket.skipping = false;  // libzmq delivers whole messages: an end without frames is an end
            break;
        }
        socket.skipping = frame.more();
    }
    return !socket.skipping;
}

/// One message into the entry. False: there is none that can be used now.
bool Transport::Impl::receive_message(const Slot& slot, Pending& entry) {
    Socket& socket = *slot.socket;
    const RawTime asked = clock.now();
    const bool has_prefix = slot.source != Source::dealer;  // the routing id, or the topic
    zmq::message_t prefix;
    if (has_prefix && receive_frame(socket.socket, prefix) < 0) {
        if (errno != EAGAIN) count(Drop::receive_failed);
        return false;
    }
    if (has_prefix && !prefix.more()) {
        count(Drop::missing_frames);
        entry.cancelled = true;
        return true;
    }
    if (receive_frame(socket.socket, entry.payload) < 0) {
        if (errno != EAGAIN) count(Drop::receive_failed);
        return false;
    }
    entry.received_at = receive_stamp(asked, clock.now());
    entry.source = slot.source;
    entry.link = slot.link;
    entry.route = 0;
    entry.cancelled = false;
    if (slot.source == Source::router) {
        const auto route = route_of(prefix);
        if (route && !gate->knows(*route)) bound.take_events(BoundSocket::poll, *gate, clock);
        entry.route = route.value_or(0);
        entry.peer = gate->admit(route, entry.payload, entry.received_at);
        entry.cancelled = !entry.peer.has_value();
    } else {
        const LinkSockets& link = links[slot.link];
        entry.peer = has_prefix ? link.publisher() : link.peer();
    }
    if (entry.payload.more()) {
        count(Drop::extra_frames);
        entry.cancelled = true;
        socket.skipping = true;
    }
    return true;
}

void Transport::Impl::drain(Slot& slot) {
    slot.socket->readiness = Readiness::backlog;
    for (; slot.left > 0; --slot.left) {
        if (slot.socket->skipping && !finish_surplus(*slot.socket)) {
            slot.left = 0;
            return;
        }
        assert(pending_end < pending.size());
        Pending& entry = pending[pending_end];
        if (!receive_message(slot, entry)) {
            slot.socket->readiness = Readiness::settled;
            return;
        }
        if (!entry.cancelled) ++pending_end;
    }
}

/// Subscriptions, handshakes, connections: nothing of them goes further than the gate and the links.
void Transport::Impl::serve(Slot& slot) {
    slot.socket->readiness = Readiness::backlog;
    for (; slot.left > 0; --slot.left) {
        if (!serve_one(slot)) {
            slot.socket->readiness = Readiness::settled;
            return;
        }
        if (slots_stale) return;  // a link has got new sockets, perhaps this one
    }
}

bool Transport::Impl::serve_one(Slot& slot) {
    MonitorEvent event;
    switch (slot.kind) {
        case Slot::Kind::handshakes:
            if (!gate->next_handshake()) return false;
            bound.take_all_events(*gate, clock);
            gate->answer_handshake(clock.now());
            return true;
        case Slot::Kind::subscriptions:
            return bound.take_upstream(slot.bound, *gate, clock);
        case Slot::Kind::bound_events:
            if (!next_event(*slot.socket, event)) return false;
            gate->on_connection(slot.bound, event, clock.now());
            return true;
        case Slot::Kind::link_events:
            if (!next_event(*slot.socket, event)) return false;
            if (links[slot.link].on_event(slot.source, event, link_context())) slots_stale = true;
            links_due = std::min(links_due, links[slot.link].due());
            return true;
        case Slot::Kind::messages:
            break;
    }
    return false;
}

void Transport::Impl::look(Slot& slot) { slot.kind == Slot::Kind::messages ? drain(slot) : serve(slot); }

/// One turn of poll(): sleeps at most once, and brings in what is there. False: interrupted by a signal that
/// is not ours; the caller of poll() polls again.
///
/// Not by zmq_poll: that asks every socket twice, at a system call or more each, and we know which ones may
/// have something. Its rule is kept: no sleep before each socket has been seen to be empty after its last
/// use.
bool Transport::Impl::gather(RawTime deadline, Wake& wake) {
    bool backlog = false;
    for (Slot& slot : slots) {
        slot.left = share_of(slot);
        slot.news = false;
        backlog = backlog || slot.socket->readiness == Readiness::backlog;
    }
    // What was sent on holds nothing as a rule, and one look settles it. With a backlog somewhere all wait
    // for their turn below, so that it does not come before the time-critical.
    for (Slot& slot : slots) {
        if (!backlog && slot.socket->readiness == Readiness::touched) look(slot);
        // A link has got new sockets: these slots are of no more use.
        if (slots_stale) {
            finish(deadline, wake);
            return true;
        }
        backlog = backlog || slot.socket->readiness == Readiness::backlog;
    }
    const bool may_sleep = pending_end == 0 && !backlog && poll_set.arm(std::min(deadline, links_due));
    const auto news = poll_set.sleep(may_sleep, [this](std::size_t i) { slots[i].news = true; });
    wake.signal = news.signal;
    wake.rung = news.rung;
    wake.woken = news.woken;
    for (Slot& slot : slots) {
        if (slots_stale) break;
        if (slot.news || slot.socket->readiness != Readiness::settled) look(slot);
    }
    finish(deadline, wake);
    return !news.interrupted;
}

void Transport::Impl::finish(RawTime deadline, Wake& wake) {
    wake.readable = pending_end > 0;
    wake.deadline = deadline <= clock.now();
}

}  // namespace berkeley
