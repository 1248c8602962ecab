#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "bench/bare_zmq.hpp"
#include "bench/path.hpp"
#include "bench/peer.hpp"
#include "os/file_descriptor.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

class LibzmqPath final : public Path {
public:
    explicit LibzmqPath(Wire wire) : wire_(wire), request_(poll_sizes().poll) {}

    ~LibzmqPath() override {
        router_.context().shutdown();
        if (thread_.joinable()) thread_.join();
    }

    Result<void> open() {
        const auto url = router_.bind(endpoint_of(wire_, "libzmq"));
        if (!url) return failure(url.error());
        if (wire_ == Wire::inproc) {
            thread_ = std::thread([this, url = *url] {
                place(End::peer);
                serve(router_.context(), url.view(), echo());
            });
        } else {
            auto peer = start_peer("libzmq", {url->str()}, End::peer);
            if (!peer) return failure(peer.error());
            peer_ = std::move(*peer);
        }
        if (!router_.await_greeting(kConnectTimeout)) return failure(name() + ": the peer did not connect");
        route_ = router_.route();
        return {};
    }

    std::string name() const override { return name_of("libzmq", wire_); }

    std::vector<Duration> probe(std::uint64_t count) override {
        std::vector<Duration> trips;
        while (trips.size() < count) {
            const TrueTime start = true_now();
            number(request_, ++sequence_);
            if (!router_.send(route_, request_)) return trips;
            do {
                if (!router_.receive(kProbeTimeout)) return trips;
            } while (number_of(router_.payload()) != sequence_);
            trips.push_back(true_now() - start);
        }
        return trips;
    }

private:
    Wire wire_;
    Bytes request_;
    BareRouter router_;
    Bytes route_;
    Peer peer_;
    std::thread thread_;
    std::uint64_t sequence_ = 0;
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
    Result<void> open() {
        const auto fail = [] { return failure(std::string("raw_tcp: ") + std::strerror(errno)); };
        const FileDescriptor listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address = loopback(0);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (listener.get() < 0 || ::bind(listener.get(), generic, size) != 0 ||
            ::listen(listener.get(), 1) != 0 || ::getsockname(listener.get(), generic, &size) != 0) {
            return fail();
        }
        auto peer = start_peer("tcp", {std::to_string(ntohs(address.sin_port))}, End::peer);
        if (!peer) return failure(peer.error());
        peer_ = std::move(*peer);
        pollfd item{listener.get(), POLLIN, 0};
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(kConnectTimeout).count();
        if (::poll(&item, 1, static_cast<int>(ms)) != 1) return failure("raw_tcp: the peer did not connect");
        connection_ = FileDescriptor{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (connection_.get() < 0) return fail();
        set_no_delay(connection_.get());
        const timeval timeout{kProbeTimeout / std::chrono::seconds{1}, 0};
        ::setsockopt(connection_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        return {};
    }

    std::string name() const override { return "raw_tcp"; }

    std::vector<Duration> probe(std::uint64_t count) override {
        std::vector<Duration> trips;
        while (trips.size() < count) {
            const TrueTime start = true_now();
            number(request_, ++sequence_);
            if (!send_all(connection_.get(), request_)) return trips;
            do {
                if (!receive_all(connection_.get(), reply_)) return trips;
            } while (number_of(reply_) != sequence_);
            trips.push_back(true_now() - start);
        }
        return trips;
    }

private:
    Bytes request_ = Bytes(poll_sizes().poll);
    Bytes reply_ = Bytes(poll_sizes().reply);
    Peer peer_;
    FileDescriptor connection_;
    std::uint64_t sequence_ = 0;
};

template <class Kind>
Result<std::unique_ptr<Path>> opened(std::unique_ptr<Kind> path) {
    if (const auto opened = path->open(); !opened) return failure(opened.error());
    return path;
}

}  // namespace

int run_tcp_peer(const Words& words) {
    const FileDescriptor connection{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoul(words.at(0))));
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return 1;
    set_no_delay(connection.get());
    const PollSizes sizes = poll_sizes();
    Bytes request(sizes.poll);
    Bytes reply(sizes.reply);
    while (receive_all(connection.get(), request)) {
        number(reply, number_of(request));
        if (!send_all(connection.get(), reply)) break;
    }
    return 1;
}

std::string name_of(std::string_view prefix, Wire wire) {
    const char* names[] = {"_tcp", "_tcp_curve", "_ipc", "_inproc"};
    return std::string(prefix) + names[static_cast<std::size_t>(wire)];
}

std::string endpoint_of(Wire wire, std::string_view name) {
    if (wire == Wire::tcp || wire == Wire::tcp_curve) return "tcp://127.0.0.1:0";
    const std::string unique = "berkeley-bench-" + std::to_string(::getpid()) + "-" + std::string(name);
    return (wire == Wire::ipc ? "ipc://@" : "inproc://") + unique;
}

Result<std::unique_ptr<Path>> make_libzmq_path(Wire wire) {
    return opened(std::make_unique<LibzmqPath>(wire));
}

Result<std::unique_ptr<Path>> make_raw_path() { return opened(std::make_unique<RawPath>()); }

}  // namespace berkeley::bench
