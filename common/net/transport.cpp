#include "net/transport.hpp"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "net/bound_sockets.hpp"
#include "net/gate.hpp"
#include "net/link_sockets.hpp"
#include "net/zmq_socket.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

/// Shares of one poll(): what a single socket may bring in.
constexpr std::size_t kRouterShare = 32;
constexpr std::size_t kLinkShare = 4;
static_assert(kMaxReceivePerPoll == kRouterShare + 3 * kLinkShare * kMaxCandidates);
/// Subscriptions, handshakes and events of connections that are taken in at a time.
constexpr std::size_t kServiceShare = 32;

/// Frames of surplus that one socket may have thrown away in one poll(): an endless multipart message costs
/// its sender's turn, not ours.
constexpr std::size_t kMaxSkippedFrames = 64;

constexpr int kMaxSockets = 4096;

/// What is done with what a socket brings.
enum class Duty : std::uint8_t { messages, subscriptions, handshakes, bound_events, link_events };

/// What an item of the poll set stands for; from kFirstSlot on a slot.
constexpr std::size_t kTimerItem = 0;
constexpr std::size_t kSignalItem = 1;
constexpr std::size_t kDoorbellItem = 2;
constexpr std::size_t kFirstSlot = 3;

/// What a slot of the poll set stands for.
struct Slot {
    Socket* socket;
    Duty duty;
    Source source = Source::router;
    Link link = 0;
    BoundSocket bound = BoundSocket::poll;
    std::size_t left = 0;  ///< of its share in this poll()
    bool news = false;     ///< its descriptor has become readable
};

struct Pending {
    zmq::message_t payload;
    RawTime received_at{};
    std::optional<PeerIdentity> peer;
    Route route = 0;
    Source source = Source::router;
    Link link = 0;
    bool cancelled = false;
};

int to_linger(Duration linger) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(linger).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000));
}

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    return set;
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

struct Transport::Impl {
    RawSource clock;
    FileDescriptor signals;
    FileDescriptor timer;
    std::shared_ptr<const Doorbell> doorbell;  ///< may be null
    std::shared_ptr<zmq::context_t> context;
    std::optional<Gate> gate;
    BoundSockets bound;
    std::array<LinkSockets, kMaxCandidates> links;

    /// What is slept on. Not poll(2), which looks at every descriptor before and after it sleeps: a master
    /// has three times as many as a slave, and the difference would be measured as an asymmetry of the path.
    FileDescriptor epoll;
    std::vector<int> watched;        ///< by epoll: the signals, the timer, one for each slot
    std::vector<epoll_event> ready;  ///< as many
    std::vector<Slot> slots;
    bool poll_set_stale = true;    ///< of slots, and so of watched
    std::optional<RawTime> armed;  ///< when the timer fires; it has not yet

    std::array<Pending, kMaxReceivePerPoll> pending;
    std::size_t pending_next = 0;
    std::size_t pending_end = 0;
    zmq::message_t current;  ///< keeps the payload of the last receive() alive

    Socket& router() { return bound.socket(BoundSocket::poll); }
    Socket& publisher(Channel channel) {
        return bound.socket(channel == Channel::publish ? BoundSocket::publish : BoundSocket::heartbeat);
    }
    void count(Drop drop) { gate->drops().count(drop); }

    Result<Url> bind(BoundSocket which, std::string_view url);
    void cancel_pending(Link link, bool dealer, bool subscriptions);
    void tend_links(bool keys_changed, RawTime now);
    void rebuild_poll_set();
    bool watch(int descriptor, std::size_t item);
    bool sleep(bool may_sleep, Wake& wake);
    bool arm(RawTime deadline);
    std::optional<int> take_signal() const;
    bool gather(RawTime deadline, Wake& wake);
    bool finish(RawTime deadline, Wake& wake);
    void drain(Slot& slot);
    void serve(Slot& slot);
    bool serve_one(Slot& slot);
    bool receive_message(const Slot& slot, Pending& entry);
    bool finish_surplus(Socket& socket);
    Sent send_payload(Socket& socket, Encoded& message);
    SendOutcome failed_send(int error);
};

Result<Url> Transport::Impl::bind(BoundSocket which, std::string_view url) {
    poll_set_stale = true;
    return bound.bind(*context, *gate, which, url);
}

void Transport::Impl::cancel_pending(Link link, bool dealer, bool subscriptions) {
    for (std::size_t i = pending_next; i < pending_end; ++i) {
        Pending& entry = pending[i];
        if (entry.source == Source::router || entry.link != link) continue;
        if (entry.source == Source::dealer ? dealer : subscriptions) entry.cancelled = true;
    }
}

void Transport::Impl::tend_links(bool keys_changed, RawTime now) {
    for (std::size_t i = 0; i < kMaxCandidates; ++i) {
        if (!links[i].tend(*context, *gate, keys_changed, now)) continue;
        poll_set_stale = true;
        if (keys_changed) cancel_pending(static_cast<Link>(i), true, true);
    }
}

/// False: out of the kernel's memory; to be tried again.
bool Transport::Impl::watch(int descriptor, std::size_t item) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = item;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
    watched.push_back(descriptor);
    return true;
}

void Transport::Impl::rebuild_poll_set() {
    slots.clear();
    // libzmq closes the descriptor of a closed socket in its own time, so they do not leave by themselves.
    for (const int descriptor : watched) ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, descriptor, nullptr);
    watched.clear();
    const auto add = [&](Socket& socket, Duty duty, Source source, Link link, BoundSocket which = {}) {
        if (socket) slots.push_back({&socket, duty, source, link, which});
    };
    add(router(), Duty::messages, Source::router, 0);
    for (std::size_t i = 0; i < links.size(); ++i) {
        add(links[i].dealer(), Duty::messages, Source::dealer, static_cast<Link>(i));
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        add(links[i].heartbeat(), Duty::messages, Source::heartbeat, static_cast<Link>(i));
        add(links[i].publish(), Duty::messages, Source::publish, static_cast<Link>(i));
    }
    for (const BoundSocket which : {BoundSocket::publish, BoundSocket::heartbeat}) {
        add(bound.socket(which), Duty::subscriptions, Source::publish, 0, which);
    }
    if (gate->zap() != nullptr) add(gate->zap()->socket(), Duty::handshakes, Source::router, 0);
    for (const BoundSocket which : {BoundSocket::poll, BoundSocket::publish, BoundSocket::heartbeat}) {
        add(bound.monitor(which), Duty::bound_events, Source::router, 0, which);
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        add(links[i].monitor(), Duty::link_events, Source::dealer, static_cast<Link>(i));
    }
    bool whole = watch(timer.get(), kTimerItem);
    if (signals.get() >= 0) whole = watch(signals.get(), kSignalItem) && whole;
    if (doorbell) whole = watch(doorbell->descriptor(), kDoorbellItem) && whole;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        whole = watch(socket_option(slots[i].socket->socket, ZMQ_FD), kFirstSlot + i) && whole;
    }
    ready.resize(std::max<std::size_t>(1, watched.size()));
    poll_set_stale = !whole;
}

/// Sets the timer: poll(2) counts in milliseconds, and the next probe is due in microseconds. False: the
/// deadline has passed. A timer that will fire before the deadline is left as it is, since one early wake now
/// and then costs less than setting it for every message. It runs on the true monotonic clock; where injected
/// drift makes it fire early, it is set again.
bool Transport::Impl::arm(RawTime deadline) {
    if (deadline == RawTime::max()) return true;
    const RawTime now = clock.now();
    if (deadline <= now) return false;
    if (armed && *armed > now && *armed <= deadline) return true;
    const std::int64_t ns = saturate(Int128{to_ns(deadline)} - to_ns(now));
    itimerspec spec{};
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
    ::timerfd_settime(timer.get(), 0, &spec, nullptr);
    armed = deadline;
    return true;
}

std::optional<int> Transport::Impl::take_signal() const {
    signalfd_siginfo info{};
    if (signals.get() < 0 || ::read(signals.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
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
    slot.socket->mood = Mood::backlog;
    for (; slot.left > 0; --slot.left) {
        if (slot.socket->skipping && !finish_surplus(*slot.socket)) {
            slot.left = 0;
            return;
        }
        assert(pending_end < pending.size());
        Pending& entry = pending[pending_end];
        if (!receive_message(slot, entry)) {
            slot.socket->mood = Mood::settled;
            return;
        }
        if (!entry.cancelled) ++pending_end;
    }
}

/// Subscriptions, handshakes, connections: nothing of them goes further than the gate and the links.
void Transport::Impl::serve(Slot& slot) {
    slot.socket->mood = Mood::backlog;
    for (; slot.left > 0; --slot.left) {
        if (!serve_one(slot)) {
            slot.socket->mood = Mood::settled;
            return;
        }
        if (poll_set_stale) return;  // a link has got new sockets, perhaps this one
    }
}

bool Transport::Impl::serve_one(Slot& slot) {
    MonitorEvent event;
    switch (slot.duty) {
        case Duty::handshakes:
            if (!gate->next_handshake()) return false;
            bound.take_all_events(*gate, clock);
            gate->answer_handshake(clock.now());
            return true;
        case Duty::subscriptions:
            return bound.take_upstream(slot.bound, *gate, clock);
        case Duty::bound_events:
            if (!next_event(*slot.socket, event)) return false;
            gate->on_connection(slot.bound, event, clock.now());
            return true;
        case Duty::link_events:
            if (!next_event(*slot.socket, event)) return false;
            if (links[slot.link].on_event(event, *context, *gate, clock.now())) poll_set_stale = true;
            return true;
        case Duty::messages:
            break;
    }
    return false;
}

/// One turn of poll(): sleeps at most once, and brings in what is there.
///
/// Not by zmq_poll: that asks every socket twice, at a system call or more each, and we know which ones may
/// have something. Its rule is kept: no sleep before each socket has been seen to be empty after its last
/// use.
/// False: interrupted by a signal that is not ours (a debugger, SIGCONT); the caller of poll() polls again.
bool Transport::Impl::gather(RawTime deadline, Wake& wake) {
    bool backlog = false;
    const auto look = [this](Slot& slot) { slot.duty == Duty::messages ? drain(slot) : serve(slot); };
    for (Slot& slot : slots) {
        const bool messages = slot.duty == Duty::messages;
        slot.left = !messages ? kServiceShare : slot.source == Source::router ? kRouterShare : kLinkShare;
        backlog = backlog || slot.socket->mood == Mood::backlog;
    }
    // What was sent on holds nothing as a rule, and one look settles it. With a backlog somewhere all wait
    // for their turn below, so that it does not come before the time-critical.
    for (Slot& slot : slots) {
        if (!backlog && slot.socket->mood == Mood::touched) look(slot);
        // A link has got new sockets: this poll set is of no more use.
        if (poll_set_stale) return finish(deadline, wake);
        backlog = backlog || slot.socket->mood == Mood::backlog;
    }
    const bool may_sleep = pending_end == 0 && !backlog && arm(deadline);
    const bool undisturbed = sleep(may_sleep, wake);
    for (Slot& slot : slots) {
        if (poll_set_stale) break;
        if (slot.news || slot.socket->mood != Mood::settled) look(slot);
    }
    return finish(deadline, wake) && undisturbed;
}

/// Until a descriptor has news, or not at all; notes whose news they are. False: interrupted.
bool Transport::Impl::sleep(bool may_sleep, Wake& wake) {
    for (Slot& slot : slots) slot.news = false;
    const int count =
        ::epoll_wait(epoll.get(), ready.data(), static_cast<int>(ready.size()), may_sleep ? -1 : 0);
    for (int i = 0; i < count; ++i) {
        const std::size_t item = ready[static_cast<std::size_t>(i)].data.u64;
        if (item == kTimerItem) {
            std::uint64_t expirations = 0;
            static_cast<void>(!::read(timer.get(), &expirations, sizeof expirations));
            armed.reset();
        } else if (item == kSignalItem) {
            wake.signal = take_signal();
        } else if (item == kDoorbellItem) {
            doorbell->silence();
            wake.rung = true;
        } else {
            slots[item - kFirstSlot].news = true;
        }
    }
    return count >= 0;
}

bool Transport::Impl::finish(RawTime deadline, Wake& wake) {
    wake.readable = pending_end > 0;
    wake.deadline = deadline <= clock.now();
    return true;
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
    impl->doorbell = options.doorbell;
    if (options.handle_signals) {
        // Before the context exists: its threads inherit the mask.
        const sigset_t set = handled_signals();
        if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return failure("cannot block signals");
        impl->signals.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (impl->signals.get() < 0) return failure(std::string("signalfd: ") + std::strerror(errno));
    }
    impl->timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (impl->timer.get() < 0) return failure(std::string("timerfd: ") + std::strerror(errno));
    impl->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (impl->epoll.get() < 0) return failure(std::string("epoll: ") + std::strerror(errno));
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
    assert(link < kMaxCandidates);
    impl_->cancel_pending(link, true, false);
    impl_->poll_set_stale = true;
    return impl_->links[link].connect(*impl_->context, *impl_->gate, url, impl_->clock.now());
}

Result<void> Transport::subscribe_link(Link link, std::string_view publish_url,
                                       std::string_view heartbeat_url, const NodeId& own_id) {
    assert(link < kMaxCandidates);
    impl_->cancel_pending(link, false, true);
    impl_->poll_set_stale = true;
    return impl_->links[link].subscribe(*impl_->context, *impl_->gate, publish_url, heartbeat_url, own_id);
}

void Transport::drop_link(Link link, Duration linger) {
    assert(link < kMaxCandidates);
    impl_->cancel_pending(link, true, true);
    impl_->poll_set_stale = true;
    impl_->links[link].close(to_linger(linger));
}

void Transport::name_peer(Link link, const NodeId& id) {
    assert(link < kMaxCandidates);
    impl_->links[link].name_peer(id);
}

void Transport::tend() {
    impl_->bound.take_all_events(*impl_->gate, impl_->clock);
    const RawTime now = impl_->clock.now();
    impl_->gate->tend(now);
    impl_->tend_links(false, now);
}

void Transport::adopt(std::shared_ptr<const Keyring> ring) {
    impl_->bound.take_all_events(*impl_->gate, impl_->clock);
    const RawTime now = impl_->clock.now();
    if (impl_->gate->adopt(std::move(ring), now)) impl_->tend_links(true, now);
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
    assert(link < kMaxCandidates);
    Socket& dealer = impl_->links[link].dealer();
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
        wake.signal = impl_->take_signal();
        return wake;
    }
    impl_->pending_next = impl_->pending_end = 0;
    impl_->gate->cut_endless(impl_->clock.now());
    bool undisturbed = true;
    while (undisturbed && !wake.readable && !wake.deadline && !wake.signal && !wake.rung) {
        if (impl_->poll_set_stale) impl_->rebuild_poll_set();
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

std::vector<DroppedEvent> Transport::take_drops() { return impl_->gate->drops().take(); }

std::vector<std::string> Transport::take_notes() { return impl_->gate->take_notes(); }

void Transport::close(Duration linger) {
    for (std::size_t i = 0; i < kMaxCandidates; ++i) drop_link(static_cast<Link>(i), linger);
    impl_->bound.close(to_linger(linger));
    impl_->gate.reset();
    impl_->pending_next = impl_->pending_end = 0;
    impl_->slots.clear();
    impl_->epoll.reset();
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
