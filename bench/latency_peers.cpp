#include "bench/latency_peers.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "bench/placement.hpp"
#include "bench/poll_path.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

constexpr int kTimeoutMs = 1000;
static_assert(std::chrono::milliseconds{kTimeoutMs} == kProbeTimeout);

using Bytes = std::vector<unsigned char>;

/// The payload begins with a number which the peer sends back: an answer that comes too late is known.
void number(Bytes& payload, std::uint64_t value) { std::memcpy(payload.data(), &value, sizeof value); }
std::uint64_t number_of(const Bytes& payload) {
    std::uint64_t value = 0;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
}

struct CloseContext {
    void operator()(void* context) const { zmq_ctx_term(context); }
};
struct CloseSocket {
    void operator()(void* socket) const { zmq_close(socket); }
};
using Context = std::unique_ptr<void, CloseContext>;
using Socket = std::unique_ptr<void, CloseSocket>;

Socket make_socket(void* context, int type) {
    Socket socket{zmq_socket(context, type)};
    const int linger = 0;
    if (socket) zmq_setsockopt(socket.get(), ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

/// Answers until it receives an empty message or its socket fails.
void echo(void* socket) {
    const PollSizes sizes = poll_sizes();
    Bytes request(sizes.poll);
    Bytes reply(sizes.reply);
    for (;;) {
        zmq_pollitem_t item{socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, -1) < 0 && errno != EINTR) return;
        const int size = zmq_recv(socket, request.data(), request.size(), ZMQ_DONTWAIT);
        if (size < 0 && errno != EAGAIN && errno != EINTR) return;
        if (size == 0) return;
        if (size != static_cast<int>(request.size())) continue;
        number(reply, number_of(request));
        zmq_send(socket, reply.data(), reply.size(), 0);
    }
}

class LibzmqPath final : public Path {
public:
    explicit LibzmqPath(Wire wire) : wire_(wire), request_(poll_sizes().poll), reply_(poll_sizes().reply) {}

    ~LibzmqPath() override {
        if (!thread_.joinable()) return;
        zmq_send(router_.get(), identity_.data(), identity_size_, ZMQ_SNDMORE);
        zmq_send(router_.get(), nullptr, 0, 0);
        thread_.join();
    }

    Result<void> open(std::string_view tag, PeerProcess* peer) {
        const std::string url = wire_ == Wire::tcp   ? "tcp://127.0.0.1:*"
                                : wire_ == Wire::ipc ? "ipc://@" + std::string(tag) + "-libzmq"
                                                     : "inproc://" + std::string(tag) + "-libzmq";
        context_.reset(zmq_ctx_new());
        router_ = make_socket(context_.get(), ZMQ_ROUTER);
        std::array<char, 256> bound{};
        std::size_t size = bound.size();
        if (!router_ || zmq_bind(router_.get(), url.c_str()) != 0 ||
            zmq_getsockopt(router_.get(), ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
            return failure("'" + url + "': " + zmq_strerror(errno));
        }
        if (peer != nullptr) {
            if (const auto told = peer->tell(bound.data()); !told) return told;
            return await_greeting();
        }
        // A thread that never greets would have to be ended too: so the socket is made and connected here.
        Socket dealer = make_socket(context_.get(), ZMQ_DEALER);
        if (!dealer || zmq_connect(dealer.get(), url.c_str()) != 0 || zmq_send(dealer.get(), "", 0, 0) != 0) {
            return failure("'" + url + "': " + zmq_strerror(errno));
        }
        if (const auto greeted = await_greeting(); !greeted) return greeted;
        thread_ = std::thread([socket = std::move(dealer)] {
            place(End::peer);
            echo(socket.get());
        });
        return {};
    }

    std::string_view name() const override {
        return wire_ == Wire::tcp ? "libzmq_tcp" : wire_ == Wire::ipc ? "libzmq_ipc" : "libzmq_inproc";
    }

    std::optional<Duration> probe() override {
        const TrueTime start = true_now();
        number(request_, ++sequence_);
        if (zmq_send(router_.get(), identity_.data(), identity_size_, ZMQ_SNDMORE) < 0 ||
            zmq_send(router_.get(), request_.data(), request_.size(), 0) < 0) {
            return std::nullopt;
        }
        for (;;) {
            zmq_pollitem_t item{router_.get(), 0, ZMQ_POLLIN, 0};
            if (zmq_poll(&item, 1, kTimeoutMs) <= 0) return std::nullopt;
            std::array<unsigned char, 255> identity{};
            if (zmq_recv(router_.get(), identity.data(), identity.size(), ZMQ_DONTWAIT) < 0) continue;
            const int size = zmq_recv(router_.get(), reply_.data(), reply_.size(), ZMQ_DONTWAIT);
            if (size != static_cast<int>(reply_.size()) || number_of(reply_) != sequence_) continue;
            return true_now() - start;
        }
    }

private:
    /// The peer's first message is empty: it brings its routing id.
    Result<void> await_greeting() {
        zmq_pollitem_t item{router_.get(), 0, ZMQ_POLLIN, 0};
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(kConnectTimeout).count();
        if (zmq_poll(&item, 1, static_cast<long>(ms)) <= 0) {
            return failure(std::string(name()) + ": the peer did not connect");
        }
        const int size = zmq_recv(router_.get(), identity_.data(), identity_.size(), 0);
        if (size <= 0) return failure(std::string(name()) + ": " + zmq_strerror(errno));
        identity_size_ = static_cast<std::size_t>(size);
        unsigned char nothing = 0;
        zmq_recv(router_.get(), &nothing, sizeof nothing, 0);
        return {};
    }

    Wire wire_;
    Bytes request_;
    Bytes reply_;
    Context context_;
    Socket router_;
    std::array<unsigned char, 255> identity_{};
    std::size_t identity_size_ = 0;
    std::thread thread_;
    std::uint64_t sequence_ = 0;
};

class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    int get() const { return fd_; }

private:
    int fd_;
};

bool send_all(int fd, const Bytes& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return true;
}

bool receive_all(int fd, Bytes& bytes) {
    for (std::size_t have = 0; have < bytes.size();) {
        const ssize_t n = ::recv(fd, bytes.data() + have, bytes.size() - have, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) have += static_cast<std::size_t>(n);
    }
    return true;
}

void set_no_delay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

class RawPath final : public Path {
public:
    RawPath() : request_(poll_sizes().poll), reply_(poll_sizes().reply) {}

    Result<void> open(PeerProcess& peer) {
        const Descriptor listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address = loopback(0);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (listener.get() < 0 || ::bind(listener.get(), generic, size) != 0 ||
            ::listen(listener.get(), 1) != 0 || ::getsockname(listener.get(), generic, &size) != 0) {
            return failure(std::string("raw_tcp: ") + std::strerror(errno));
        }
        if (const auto told = peer.tell(std::to_string(ntohs(address.sin_port))); !told) return told;
        pollfd item{listener.get(), POLLIN, 0};
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(kConnectTimeout).count();
        if (::poll(&item, 1, static_cast<int>(ms)) != 1) return failure("raw_tcp: the peer did not connect");
        connection_ = Descriptor{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (connection_.get() < 0) return failure(std::string("raw_tcp: ") + std::strerror(errno));
        set_no_delay(connection_.get());
        const timeval timeout{kTimeoutMs / 1000, 0};
        ::setsockopt(connection_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        return {};
    }

    std::string_view name() const override { return "raw_tcp"; }

    std::optional<Duration> probe() override {
        const TrueTime start = true_now();
        number(request_, ++sequence_);
        if (!send_all(connection_.get(), request_)) return std::nullopt;
        do {
            if (!receive_all(connection_.get(), reply_)) return std::nullopt;
        } while (number_of(reply_) != sequence_);
        return true_now() - start;
    }

private:
    Bytes request_;
    Bytes reply_;
    Descriptor connection_;
    std::uint64_t sequence_ = 0;
};

}  // namespace

void run_libzmq_process(const std::string& endpoint) {
    place(End::peer);
    const Context context{zmq_ctx_new()};
    const Socket dealer = make_socket(context.get(), ZMQ_DEALER);
    if (!dealer || zmq_connect(dealer.get(), endpoint.c_str()) != 0) return;
    if (zmq_send(dealer.get(), "", 0, 0) == 0) echo(dealer.get());
}

void run_raw_process(const std::string& endpoint) {
    place(End::peer);
    const Descriptor connection{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoul(endpoint)));
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    set_no_delay(connection.get());
    const PollSizes sizes = poll_sizes();
    Bytes request(sizes.poll);
    Bytes reply(sizes.reply);
    while (receive_all(connection.get(), request)) {
        number(reply, number_of(request));
        if (!send_all(connection.get(), reply)) return;
    }
}

Result<std::unique_ptr<Path>> make_libzmq_path(Wire wire, std::string_view tag, PeerProcess* peer) {
    auto path = std::make_unique<LibzmqPath>(wire);
    if (const auto opened = path->open(tag, peer); !opened) return failure(opened.error());
    return path;
}

Result<std::unique_ptr<Path>> make_raw_path(PeerProcess& peer) {
    auto path = std::make_unique<RawPath>();
    if (const auto opened = path->open(peer); !opened) return failure(opened.error());
    return path;
}

std::string libzmq_version() {
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

}  // namespace berkeley::bench
