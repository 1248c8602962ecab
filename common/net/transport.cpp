#include "net/transport.hpp"

#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "net/transport_impl.hpp"

namespace berkeley {
namespace {

constexpr int kMaxSockets = 4096;

int to_linger(Duration linger) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(linger).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000));
}

/// libzmq counts the routing ids of a ROUTER's peers up from rand(), which nobody seeds, but takes any id
/// that a peer chooses for itself; it aborts where it comes to one that is taken. So nobody may know where it
/// begins.
bool seed_routing_ids() {
    unsigned seed = 0;
    if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) return false;
    std::srand(seed);
    return true;
}

}  // namespace

Result<Url> Transport::Impl::bind(BoundSocket which, std::string_view url) {
    slots_stale = true;
    return bound.bind(*context, *gate, which, url);
}

void Transport::Impl::cancel_pending(Link link, bool dealer, bool subscriptions) {
    for (std::size_t i = pending_next; i < pending_end; ++i) {
        Pending& entry = pending[i];
        if (entry.source == Source::router || entry.link != link) continue;
        if (entry.source == Source::dealer ? dealer : subscriptions) entry.cancelled = true;
    }
}

void Transport::Impl::tend_links(bool keys_changed) {
    for (std::size_t i = 0; i < kMaxLinks; ++i) {
        if (!links[i].tend_keys(link_context(), keys_changed)) continue;
        slots_stale = true;
        if (keys_changed) cancel_pending(static_cast<Link>(i), true, true);
    }
}

void Transport::Impl::tend_addresses_when_due() {
    const bool due = links_due != RawTime::max() && clock.now() >= links_due;
    if (names.take_news() || due) tend_addresses();
}

void Transport::Impl::tend_addresses() {
    links_due = RawTime::max();
    for (LinkSockets& link : links) {
        if (link.tend_addresses(link_context())) slots_stale = true;
        links_due = std::min(links_due, link.due());
    }
    names.tend(clock.now());
}

SendOutcome Transport::Impl::failed_send(int error) {
    if (error == EHOSTUNREACH) {
        count(Drop::unreachable);
        return SendOutcome::unreachable;
    }
    count(error == EAGAIN ? Drop::send_queue_full : Drop::send_failed);
    return SendOutcome::full;
}

Sent Transport::Impl::send_payload(Socket& socket, Encoded& message) {
    socket.touch();
    const RawTime stamp = clock.now();
    if (message.stamp_at != 0) patch_stamp(message, stamp);
    if (send_frame(socket.socket, message.bytes.data(), message.bytes.size(), 0))
        return {SendOutcome::sent, stamp};
    const int error = zmq_errno();
    // A DEALER refuses while its candidate is away: that is a state of the world, not something lost.
    const bool away = error == EAGAIN && &socket != &router();
    return {away ? SendOutcome::full : failed_send(error), stamp};
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Transport::~Transport() { close(Duration{0}); }

Result<std::unique_ptr<Transport>> Transport::create(const TransportOptions& options) {
    assert(options.clock.read != nullptr);
    auto impl = std::make_unique<Impl>();
    impl->clock = options.clock;
    impl->names = Names(options.look_up);
    // Before the context exists: its threads inherit the mask of signals.
    const auto opened =
        impl->poll_set.open(options.clock, options.handle_signals, options.doorbell, options.witnesses);
    if (!opened) return failure(opened.error());
    raise_file_limit();
    try {
        if (options.share_context_with != nullptr) {
            impl->context = options.share_context_with->impl_->context;
        } else {
            if (!seed_routing_ids()) return failure(std::string("getrandom: ") + std::strerror(errno));
            impl->context = std::make_shared<zmq::context_t>(1);
            impl->context->set(zmq::ctxopt::max_sockets, kMaxSockets);
        }
        impl->gate.emplace(options.credentials, options.peer_limits);
        impl->gate->open(*impl->context);
    } catch (const zmq::error_t& error) {
        return failure(std::string("cannot start ZeroMQ: ") + error.what());
    }
    return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Result<Url> Transport::bind_poll(std::string_view url) { return impl_->bind(BoundSocket::poll, url); }

Result<Url> Transport::bind_publish(Channel channel, std::string_view url) {
    return impl_->bind(channel == Channel::publish ? BoundSocket::publish : BoundSocket::heartbeat, url);
}

Result<void> Transport::connect_link(Link link, std::string_view url) {
    assert(link < kMaxLinks);
    impl_->cancel_pending(link, true, false);
    impl_->slots_stale = true;
    const auto connected = impl_->links[link].connect(impl_->link_context(), url);
    impl_->links_due = std::min(impl_->links_due, impl_->links[link].due());
    return connected;
}

Result<void> Transport::subscribe_link(Link link, std::string_view publish_url,
                                       std::string_view heartbeat_url, const NodeId& own_id) {
    assert(link < kMaxLinks);
    if (!publish_url.empty()) impl_->cancel_pending(link, false, true);
    impl_->slots_stale = true;
    const auto subscribed =
        impl_->links[link].subscribe(impl_->link_context(), publish_url, heartbeat_url, own_id);
    impl_->links_due = std::min(impl_->links_due, impl_->links[link].due());
    return subscribed;
}

void Transport::drop_link(Link link, Duration linger) {
    assert(link < kMaxLinks);
    impl_->cancel_pending(link, true, true);
    impl_->slots_stale = true;
    impl_->links[link].close(to_linger(linger));
}

void Transport::name_peer(Link link, const NodeId& id) {
    assert(link < kMaxLinks);
    impl_->links[link].name_peer(id);
}

void Transport::tend() {
    impl_->bound.take_all_events(*impl_->gate, impl_->clock);
    const RawTime now = impl_->clock.now();
    impl_->gate->tend(now);
    impl_->tend_links(false);
    impl_->tend_addresses();
    for (std::string& line : impl_->names.complaints(now)) impl_->gate->note(std::move(line), now);
}

void Transport::adopt(std::shared_ptr<const Keyring> ring) {
    impl_->bound.take_all_events(*impl_->gate, impl_->clock);
    const RawTime now = impl_->clock.now();
    if (impl_->gate->adopt(std::move(ring), now)) impl_->tend_links(true);
}

Sent Transport::send(Route route, Encoded& message) {
    Socket& router = impl_->router();
    if (!router) return {};
    router.touch();
    const auto identity = identity_of(route);
    if (!send_frame(router.socket, identity.data(), identity.size(), ZMQ_SNDMORE)) {
        return {impl_->failed_send(zmq_errno()), {}};
    }
    return impl_->send_payload(router, message);
}

Sent Transport::send(Link link, Encoded& message) {
    assert(link < kMaxLinks);
    Socket& dealer = impl_->links[link].of(Source::dealer).socket();
    if (!dealer) return {};
    return impl_->send_payload(dealer, message);
}

bool Transport::publish(Channel channel, std::string_view topic, const Encoded& message) {
    Socket& publisher = impl_->publisher(channel);
    if (!publisher) return false;
    publisher.touch();
    if (!send_frame(publisher.socket, topic.data(), topic.size(), ZMQ_SNDMORE) ||
        !send_frame(publisher.socket, message.bytes.data(), message.bytes.size(), 0)) {
        impl_->failed_send(zmq_errno());
        return false;
    }
    return true;
}

Wake Transport::poll(RawTime deadline) {
    Wake wake;
    if (impl_->pending_next < impl_->pending_end) {
        wake.readable = true;
        wake.deadline = deadline <= impl_->clock.now();
        wake.signal = impl_->poll_set.take_signal();
        return wake;
    }
    impl_->pending_next = impl_->pending_end = 0;
    impl_->gate->cut_endless(impl_->clock.now());
    bool undisturbed = true;
    while (undisturbed && !wake.readable && !wake.deadline && !wake.signal && !wake.rung && !wake.woken) {
        impl_->tend_addresses_when_due();
        if (impl_->slots_stale) impl_->rebuild_slots();
        undisturbed = impl_->gather(deadline, wake);
    }
    return wake;
}

Wake Transport::wait(Duration timeout) { return poll(impl_->clock.now() + timeout); }

bool Transport::receive(Inbound& in) {
    while (impl_->pending_next < impl_->pending_end) {
        Pending& entry = impl_->pending[impl_->pending_next++];
        if (entry.cancelled) continue;
        impl_->current = std::move(entry.payload);
        in.source = entry.source;
        in.peer = impl_->gate->secured() ? entry.peer : std::nullopt;
        in.route = entry.route;
        in.link = entry.link;
        in.received_at = entry.received_at;
        in.payload = {static_cast<const std::byte*>(impl_->current.data()), impl_->current.size()};
        return true;
    }
    return false;
}

std::string Transport::sender_address() { return berkeley::sender_address(impl_->current); }

std::vector<DroppedEvent> Transport::take_drops() { return impl_->gate->drops().take(); }

std::vector<std::string> Transport::take_notes() { return impl_->gate->take_notes(); }

void Transport::close(Duration linger) {
    for (std::size_t i = 0; i < kMaxLinks; ++i) drop_link(static_cast<Link>(i), linger);
    impl_->bound.close(to_linger(linger));
    impl_->gate.reset();
    impl_->pending_next = impl_->pending_end = 0;
    impl_->slots.clear();
    impl_->poll_set.close();
    // The context goes last, and waits for what lingers.
    impl_->context.reset();
}

void raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace berkeley
