#include "io/transport.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include <zmq.hpp>

#include "io/endpoint.hpp"

namespace berkeley {
namespace {

/// Shares of one poll(): what a single socket may bring in.
constexpr std::size_t kRouterShare = 32;
constexpr std::size_t kLinkShare = 4;
static_assert(kMaxReceivePerPoll == kRouterShare + 3 * kLinkShare * kMaxCandidates);

/// Frames of surplus that one socket may have thrown away in one poll(): an endless multipart message costs
/// its sender's turn, not ours.
constexpr std::size_t kMaxSkippedFrames = 64;

/// Messages queued per connection. A backlog is stale anyway (probes and corrections have deadlines), and
/// with 32 KiB a message this bounds what a stopped peer costs to 2 MiB and a half.
constexpr int kHighWaterMark = 80;

constexpr int kMaxSockets = 4096;
constexpr std::size_t kRoutingIdBytes = 5;

enum class Drop : std::uint8_t {
    foreign_routing_id,
    extra_frames,
    missing_frames,
    unreachable,
    send_queue_full,
    send_failed,
    receive_failed,
};
constexpr std::array<std::string_view, 7> kDropNames{
    "foreign-routing-id", "extra-frames", "missing-frames", "unreachable",
    "send-queue-full",    "send-failed",  "receive-failed",
};

/// Whether a socket's descriptor (ZMQ_FD) can be trusted. It tells of news, not of messages: any call on the
/// socket may take the news in, and from then on only a look into the socket shows what is there.
enum class Mood : std::uint8_t {
    settled,  ///< the last look found nothing, and nothing was done with it since: its descriptor will tell
    touched,  ///< something was sent since
    backlog,  ///< it brought its whole share, and there may be more
};

struct Socket {
    zmq::socket_t socket;
    bool skipping = false;  ///< in the middle of the surplus frames of a message
    Mood mood = Mood::touched;

    explicit operator bool() const { return socket.handle() != nullptr; }
};

struct LinkSockets {
    Socket dealer;
    Socket publish;
    Socket heartbeat;
};

/// What a slot of the poll set stands for.
struct Slot {
    Socket* socket;
    Source source;
    Link link;
    bool readable;  ///< a PUB is polled only so that libzmq gets to process its subscriptions
    std::size_t left = 0;  ///< of its share in this poll()
};

struct Pending {
    zmq::message_t payload;
    RawTime received_at{};
    Route route = 0;
    Source source = Source::router;
    Link link = 0;
    bool cancelled = false;
};

class FileDescriptor {
public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    ~FileDescriptor() { reset(); }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    int get() const { return fd_; }

private:
    int fd_;
};

std::string blame(std::string_view url) { return "'" + std::string(url) + "': "; }

/// An ipc bind would silently take over a path that another process listens on. Asks first; a socket file
/// that nobody listens on any more is removed.
Result<void> claim_ipc_path(const Endpoint& endpoint) {
    if (endpoint.path == "*") return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    assert(endpoint.path.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, endpoint.path.data(), endpoint.path.size());
    const bool abstract = endpoint.path.front() == '@';
    auto length = static_cast<socklen_t>(sizeof(address));
    if (abstract) {
        address.sun_path[0] = '\0';
        length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + endpoint.path.size());
    }
    const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0) return failure(blame(endpoint.url()) + std::strerror(errno));
    const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), length);
    // EAGAIN: somebody listens, with a full backlog.
    if (connected == 0 || errno == EAGAIN) {
        return failure(blame(endpoint.url()) + "in use by another process; choose another path");
    }
    if (abstract || errno == ENOENT) return {};
    if (errno != ECONNREFUSED) {
        return failure(blame(endpoint.url()) + std::strerror(errno) + "; choose another path");
    }
    struct stat status {};
    if (::lstat(endpoint.path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) {
        return failure(blame(endpoint.url()) + "the path exists and is no socket; choose another path");
    }
    if (::unlink(endpoint.path.c_str()) != 0) {
        return failure(blame(endpoint.url()) + "cannot replace the stale socket: " + std::strerror(errno));
    }
    return {};
}

std::string bind_error(const Endpoint& endpoint, int error) {
    std::string why = zmq_strerror(error);
    if (error == EADDRINUSE) {
        why = "port in use by another process; choose another port, or 0 for any free one";
    } else if (error == ENODEV || error == EADDRNOTAVAIL) {
        why = "no such address on this machine; name one of its IP addresses or interfaces";
    } else if (error == EACCES) {
        why = "not permitted; choose a port above 1023, or a path that this user may write";
    }
    return blame(endpoint.url()) + why;
}

void set_common_options(zmq::socket_t& socket, const Endpoint& endpoint) {
    namespace option = zmq::sockopt;
    socket.set(option::linger, 0);
    socket.set(option::sndhwm, kHighWaterMark);
    socket.set(option::rcvhwm, kHighWaterMark);
    socket.set(option::maxmsgsize, static_cast<std::int64_t>(kMaxMessageBytes));
    socket.set(option::handshake_ivl, 2000);
    socket.set(option::connect_timeout, 2000);
    socket.set(option::reconnect_ivl, 50);
    socket.set(option::reconnect_ivl_max, 1000);
    // The kernel's keep-alive and not ZMTP's, which makes libzmq abort behind a slow reader.
    socket.set(option::tcp_keepalive, 1);
    socket.set(option::tcp_keepalive_idle, 10);
    socket.set(option::tcp_keepalive_intvl, 5);
    socket.set(option::tcp_keepalive_cnt, 3);
    if (!endpoint.host.empty() && endpoint.host.front() == '[') socket.set(option::ipv6, true);
}

/// One frame, or -1 with errno set. Repeats what a signal interrupted.
int receive_frame(zmq::socket_t& socket, zmq::message_t& frame) {
    int size = 0;
    do {
        size = zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    return size;
}

bool send_frame(zmq::socket_t& socket, const void* data, std::size_t size, int flags) {
    int sent = 0;
    do {
        sent = zmq_send(socket.handle(), data, size, flags | ZMQ_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/// -1 where libzmq refuses, which it does for a context that is ending only.
int socket_option(zmq::socket_t& socket, int option) {
    int value = -1;
    std::size_t size = sizeof value;
    return zmq_getsockopt(socket.handle(), option, &value, &size) == 0 ? value : -1;
}

/// libzmq's own routing ids are a zero and four bytes; a peer that brought its own is not one of ours.
std::optional<Route> route_of(const zmq::message_t& identity) {
    if (identity.size() != kRoutingIdBytes) return std::nullopt;
    const auto* bytes = static_cast<const unsigned char*>(identity.data());
    if (bytes[0] != 0) return std::nullopt;
    return Route{bytes[1]} << 24 | Route{bytes[2]} << 16 | Route{bytes[3]} << 8 | Route{bytes[4]};
}

std::array<unsigned char, kRoutingIdBytes> identity_of(Route route) {
    return {0, static_cast<unsigned char>(route >> 24), static_cast<unsigned char>(route >> 16),
            static_cast<unsigned char>(route >> 8), static_cast<unsigned char>(route)};
}

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
    return set;
}

}  // namespace

struct Transport::Impl {
    RawSource clock;
    FileDescriptor signals;
    FileDescriptor timer;
    std::shared_ptr<zmq::context_t> context;
    Socket router;
    std::array<Socket, 2> publishers;
    std::array<LinkSockets, kMaxCandidates> links;

    std::vector<pollfd> items;  ///< the timer, the signals, then one for each slot
    std::vector<Slot> slots;
    bool poll_set_stale = true;
    std::optional<RawTime> armed;  ///< when the timer fires; it has not yet

    std::array<Pending, kMaxReceivePerPoll> pending;
    std::size_t pending_next = 0;
    std::size_t pending_end = 0;
    zmq::message_t current;  ///< keeps the payload of the last receive() alive
    std::array<std::uint64_t, kDropNames.size()> drops{};

    void count(Drop drop) { ++drops[static_cast<std::size_t>(drop)]; }

    Result<Url> bind(Socket& target, zmq::socket_type type, std::string_view url);
    Result<void> connect(Socket& target, zmq::socket_type type, std::string_view url,
                         std::span<const std::string> topics);
    void drop_socket(Socket& socket, Duration linger);
    void cancel_pending(Link link, bool dealer, bool subscriptions);
    void rebuild_poll_set();
    bool arm(RawTime deadline);
    std::optional<int> take_signal() const;
    bool gather(RawTime deadline, Wake& wake);
    void drain(Slot& slot);
    bool receive_message(const Slot& slot, Pending& entry);
    bool finish_surplus(Socket& socket);
    Sent send_payload(Socket& socket, Encoded& message);
    SendOutcome failed_send(int error);
};

Result<Url> Transport::Impl::bind(Socket& target, zmq::socket_type type, std::string_view url) {
    auto endpoint = parse_endpoint(url, EndpointUse::bind);
    if (!endpoint) return failure(endpoint.error());
    // libzmq resolves no names where it binds.
    if (endpoint->host == "localhost") endpoint->host = "127.0.0.1";
    drop_socket(target, Duration{0});
    if (endpoint->scheme == Scheme::ipc) {
        if (const auto claimed = claim_ipc_path(*endpoint); !claimed) return failure(claimed.error());
    }
    try {
        Socket socket{zmq::socket_t(*context, type)};
        set_common_options(socket.socket, *endpoint);
        if (type == zmq::socket_type::router) socket.socket.set(zmq::sockopt::router_mandatory, true);
        if (zmq_bind(socket.socket.handle(), endpoint->url().c_str()) != 0) {
            return failure(bind_error(*endpoint, zmq_errno()));
        }
        const auto bound = Url::from(socket.socket.get(zmq::sockopt::last_endpoint));
        if (!bound) return failure(blame(url) + "the bound address is longer than 255 characters");
        target = std::move(socket);
        return *bound;
    } catch (const zmq::error_t& error) {
        return failure(blame(url) + error.what());
    }
}

Result<void> Transport::Impl::connect(Socket& target, zmq::socket_type type, std::string_view url,
                                      std::span<const std::string> topics) {
    drop_socket(target, Duration{0});
    const auto endpoint = parse_endpoint(url, EndpointUse::connect);
    if (!endpoint) return failure(endpoint.error());
    try {
        Socket socket{zmq::socket_t(*context, type)};
        set_common_options(socket.socket, *endpoint);
        // Nothing is queued for a candidate that is not there: it would be stale on arrival.
        if (type == zmq::socket_type::dealer) socket.socket.set(zmq::sockopt::immediate, true);
        for (const std::string& topic : topics) socket.socket.set(zmq::sockopt::subscribe, topic);
        socket.socket.connect(endpoint->url());
        target = std::move(socket);
        return {};
    } catch (const zmq::error_t& error) {
        return failure(blame(url) + error.what());
    }
}

void Transport::Impl::drop_socket(Socket& socket, Duration linger) {
    poll_set_stale = true;
    if (!socket) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(linger).count();
    const int option = static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000));
    zmq_setsockopt(socket.socket.handle(), ZMQ_LINGER, &option, sizeof(option));
    socket.socket.close();
    socket.skipping = false;
    socket.mood = Mood::touched;
}

void Transport::Impl::cancel_pending(Link link, bool dealer, bool subscriptions) {
    for (std::size_t i = pending_next; i < pending_end; ++i) {
        Pending& entry = pending[i];
        if (entry.source == Source::router || entry.link != link) continue;
        if (entry.source == Source::dealer ? dealer : subscriptions) entry.cancelled = true;
    }
}

void Transport::Impl::rebuild_poll_set() {
    slots.clear();
    items.clear();
    if (router) slots.push_back({&router, Source::router, 0, true});
    for (std::size_t i = 0; i < links.size(); ++i) {
        if (links[i].dealer) slots.push_back({&links[i].dealer, Source::dealer, static_cast<Link>(i), true});
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        const auto link = static_cast<Link>(i);
        if (links[i].heartbeat) slots.push_back({&links[i].heartbeat, Source::heartbeat, link, true});
        if (links[i].publish) slots.push_back({&links[i].publish, Source::publish, link, true});
    }
    for (Socket& publisher : publishers) {
        if (publisher) slots.push_back({&publisher, Source::publish, 0, false});
    }
    items.push_back({timer.get(), POLLIN, 0});
    items.push_back({signals.get(), POLLIN, 0});  // poll(2) passes over a negative descriptor
    for (const Slot& slot : slots) items.push_back({socket_option(slot.socket->socket, ZMQ_FD), POLLIN, 0});
    poll_set_stale = false;
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
    entry.received_at = clock.now();
    entry.source = slot.source;
    entry.link = slot.link;
    entry.route = 0;
    entry.cancelled = false;
    if (entry.payload.more()) {
        count(Drop::extra_frames);
        entry.cancelled = true;
        socket.skipping = true;
    } else if (slot.source == Source::router) {
        const auto route = route_of(prefix);
        if (!route) count(Drop::foreign_routing_id);
        entry.route = route.value_or(0);
        entry.cancelled = !route.has_value();
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

/// One turn of poll(): sleeps at most once, and brings in what is there.
///
/// Not by zmq_poll: that asks every socket twice, at a system call or more each, and we know which ones may
/// have something. Its rule is kept: no sleep before each socket has been seen to be empty after its last
/// use.
/// False: interrupted by a signal that is not ours (a debugger, SIGCONT); the caller of poll() polls again.
bool Transport::Impl::gather(RawTime deadline, Wake& wake) {
    bool backlog = false;
    for (Slot& slot : slots) {
        slot.left = slot.source == Source::router ? kRouterShare : kLinkShare;
        backlog = backlog || (slot.readable && slot.socket->mood == Mood::backlog);
    }
    // What was sent on holds nothing as a rule, and one look settles it. With a backlog somewhere all wait
    // for their turn below, so that it does not come before the time-critical.
    for (Slot& slot : slots) {
        if (!backlog && slot.readable && slot.socket->mood == Mood::touched) drain(slot);
        backlog = backlog || (slot.readable && slot.socket->mood == Mood::backlog);
    }
    const bool may_sleep = pending_end == 0 && !backlog && arm(deadline);
    const int news = ::poll(items.data(), items.size(), may_sleep ? -1 : 0);
    const auto has_news = [&](std::size_t item) { return news > 0 && items[item].revents != 0; };
    if (has_news(0)) {
        std::uint64_t expirations = 0;
        static_cast<void>(!::read(timer.get(), &expirations, sizeof expirations));
        armed.reset();
    }
    constexpr std::size_t kFirstSlot = 2;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        Slot& slot = slots[i];
        if (!slot.readable) {
            // Asking is what makes libzmq take in the subscriptions.
            if (has_news(kFirstSlot + i)) socket_option(slot.socket->socket, ZMQ_EVENTS);
        } else if (has_news(kFirstSlot + i) || slot.socket->mood != Mood::settled) {
            drain(slot);
        }
    }
    if (has_news(1)) wake.signal = take_signal();
    wake.readable = pending_end > 0;
    wake.deadline = deadline <= clock.now();
    return news >= 0;
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
    socket.mood = std::max(socket.mood, Mood::touched);
    const RawTime stamp = clock.now();
    if (message.stamp_at != 0) patch_stamp(message, stamp);
    if (send_frame(socket.socket, message.bytes.data(), message.bytes.size(), 0))
        return {SendOutcome::sent, stamp};
    const int error = zmq_errno();
    // A DEALER refuses while its candidate is away: that is a state of the world, not something lost.
    const bool away = error == EAGAIN && &socket != &router;
    return {away ? SendOutcome::full : failed_send(error), stamp};
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Transport::~Transport() { close(Duration{0}); }

Result<std::unique_ptr<Transport>> Transport::create(const TransportOptions& options) {
    assert(options.clock.read != nullptr);
    auto impl = std::make_unique<Impl>();
    impl->clock = options.clock;
    if (options.handle_signals) {
        // Before the context exists: its threads inherit the mask.
        const sigset_t set = handled_signals();
        if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return failure("cannot block signals");
        impl->signals.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (impl->signals.get() < 0) return failure(std::string("signalfd: ") + std::strerror(errno));
    }
    impl->timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (impl->timer.get() < 0) return failure(std::string("timerfd: ") + std::strerror(errno));
    raise_file_limit();
    try {
        if (options.share_context_with != nullptr) {
            impl->context = options.share_context_with->impl_->context;
        } else {
            impl->context = std::make_shared<zmq::context_t>(1);
            impl->context->set(zmq::ctxopt::max_sockets, kMaxSockets);
        }
    } catch (const zmq::error_t& error) {
        return failure(std::string("cannot start ZeroMQ: ") + error.what());
    }
    return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Result<Url> Transport::bind_poll(std::string_view url) {
    return impl_->bind(impl_->router, zmq::socket_type::router, url);
}

Result<Url> Transport::bind_publish(Channel channel, std::string_view url) {
    return impl_->bind(impl_->publishers[static_cast<std::size_t>(channel)], zmq::socket_type::pub, url);
}

Result<void> Transport::connect_link(Link link, std::string_view url) {
    assert(link < kMaxCandidates);
    impl_->cancel_pending(link, true, false);
    return impl_->connect(impl_->links[link].dealer, zmq::socket_type::dealer, url, {});
}

Result<void> Transport::subscribe_link(Link link, std::string_view publish_url,
                                       std::string_view heartbeat_url, const NodeId& own_id) {
    assert(link < kMaxCandidates);
    LinkSockets& sockets = impl_->links[link];
    impl_->cancel_pending(link, false, true);
    impl_->drop_socket(sockets.heartbeat, Duration{0});
    const std::array<std::string, 2> topics{correction_topic(own_id), std::string(kRoundTopic)};
    auto subscribed = impl_->connect(sockets.publish, zmq::socket_type::sub, publish_url, topics);
    if (!subscribed || heartbeat_url.empty()) return subscribed;
    const std::array<std::string, 1> heartbeats{std::string(kHeartbeatTopic)};
    return impl_->connect(sockets.heartbeat, zmq::socket_type::sub, heartbeat_url, heartbeats);
}

void Transport::drop_link(Link link, Duration linger) {
    assert(link < kMaxCandidates);
    impl_->cancel_pending(link, true, true);
    LinkSockets& sockets = impl_->links[link];
    impl_->drop_socket(sockets.dealer, linger);
    impl_->drop_socket(sockets.publish, Duration{0});
    impl_->drop_socket(sockets.heartbeat, Duration{0});
}

Sent Transport::send(Route route, Encoded& message) {
    Socket& router = impl_->router;
    if (!router) return {};
    router.mood = std::max(router.mood, Mood::touched);
    const auto identity = identity_of(route);
    if (!send_frame(router.socket, identity.data(), identity.size(), ZMQ_SNDMORE)) {
        return {impl_->failed_send(zmq_errno()), {}};
    }
    return impl_->send_payload(router, message);
}

Sent Transport::send(Link link, Encoded& message) {
    assert(link < kMaxCandidates);
    Socket& dealer = impl_->links[link].dealer;
    if (!dealer) return {};
    return impl_->send_payload(dealer, message);
}

bool Transport::publish(Channel channel, std::string_view topic, const Encoded& message) {
    Socket& publisher = impl_->publishers[static_cast<std::size_t>(channel)];
    if (!publisher) return false;
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
    if (impl_->poll_set_stale) impl_->rebuild_poll_set();
    while (impl_->gather(deadline, wake) && !wake.readable && !wake.deadline && !wake.signal) {
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
        in.route = entry.route;
        in.link = entry.link;
        in.received_at = entry.received_at;
        in.payload = {static_cast<const std::byte*>(impl_->current.data()), impl_->current.size()};
        return true;
    }
    return false;
}

std::vector<DroppedEvent> Transport::take_drops() {
    std::vector<DroppedEvent> result;
    for (std::size_t i = 0; i < kDropNames.size(); ++i) {
        if (impl_->drops[i] == 0) continue;
        result.push_back({kDropNames[i], std::exchange(impl_->drops[i], 0)});
    }
    return result;
}

void Transport::close(Duration linger) {
    for (std::size_t i = 0; i < kMaxCandidates; ++i) drop_link(static_cast<Link>(i), linger);
    impl_->drop_socket(impl_->router, linger);
    for (Socket& publisher : impl_->publishers) impl_->drop_socket(publisher, linger);
    impl_->pending_next = impl_->pending_end = 0;
    impl_->items.clear();
    impl_->slots.clear();
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
