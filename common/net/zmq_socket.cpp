#include "net/zmq_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "base/endpoint.hpp"
#include "net/peer_address.hpp"
#include "os/file_descriptor.hpp"
#include "wire/codec.hpp"

namespace berkeley {
namespace {

/// Messages queued per connection. A backlog is stale anyway (probes and corrections have deadlines), and
/// with 32 KiB a message this bounds what a stopped peer costs to 2 MiB and a half.
constexpr int kHighWaterMark = 80;

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
    socket.set(option::handshake_ivl, kHandshakeMs);
    socket.set(option::connect_timeout, 2000);
    socket.set(option::reconnect_ivl, 50);
    socket.set(option::reconnect_ivl_max, 1000);
    // The kernel's keep-alive and not ZMTP's, which makes libzmq abort behind a slow reader.
    socket.set(option::tcp_keepalive, 1);
    socket.set(option::tcp_keepalive_idle, 10);
    socket.set(option::tcp_keepalive_intvl, 5);
    socket.set(option::tcp_keepalive_cnt, 3);
    // With something unacknowledged, as there always is, the kernel would not ask but wait for a quarter of
    // an hour.
    socket.set(option::tcp_maxrt, 25'000);
    // All addresses means those of IPv6 too; where the system has none, libzmq takes IPv4 alone.
    if (endpoint.host == "*" || endpoint.host.starts_with('[')) socket.set(option::ipv6, true);
}

}  // namespace

void Socket::close(int linger_ms) {
    if (!*this) return;
    // Its connections last until libzmq's own thread has closed them, and that would wait for ever where it
    // has to tell a monitor that nobody listens to any more.
    zmq_socket_monitor(socket.handle(), nullptr, 0);
    zmq_setsockopt(socket.handle(), ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    socket.close();
    skipping = false;
    readiness = Readiness::touched;
}

Result<Url> open_bound(zmq::context_t& context, zmq::socket_type type, std::string_view url, Prepare prepare,
                       Socket& target) {
    auto endpoint = parse_endpoint(url, EndpointUse::bind);
    if (!endpoint) return failure(endpoint.error());
    // libzmq resolves no names where it binds.
    if (endpoint->host == "localhost") endpoint->host = "127.0.0.1";
    if (endpoint->scheme == Scheme::ipc) {
        if (const auto claimed = claim_ipc_path(*endpoint); !claimed) return failure(claimed.error());
    }
    try {
        Socket socket{zmq::socket_t(context, type)};
        set_common_options(socket.socket, *endpoint);
        if (const auto prepared = prepare(socket.socket); !prepared) return failure(prepared.error());
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

Result<void> open_connected(zmq::context_t& context, zmq::socket_type type, std::string_view url,
                            Prepare prepare, Socket& target) {
    const auto endpoint = parse_endpoint(url, EndpointUse::connect);
    if (!endpoint) return failure(endpoint.error());
    try {
        Socket socket{zmq::socket_t(context, type)};
        set_common_options(socket.socket, *endpoint);
        if (const auto prepared = prepare(socket.socket); !prepared) return failure(prepared.error());
        socket.socket.connect(endpoint->url());
        target = std::move(socket);
        return {};
    } catch (const zmq::error_t& error) {
        return failure(blame(url) + error.what());
    }
}

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

int socket_option(zmq::socket_t& socket, int option) {
    int value = -1;
    std::size_t size = sizeof value;
    return zmq_getsockopt(socket.handle(), option, &value, &size) == 0 ? value : -1;
}

std::string sender_address(zmq::message_t& message) {
    const char* text = zmq_msg_gets(message.handle(), "Peer-Address");
    return text != nullptr ? std::string(plain_address(text)) : std::string{};
}

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

void open_monitor(zmq::context_t& context, zmq::socket_t& watched, int events, Socket& monitor) {
    static std::atomic<std::uint64_t> number{0};
    const std::string address = "inproc://berkeley.monitor." + std::to_string(++number);
    monitor.close();
    if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0) throw zmq::error_t();
    Socket pair{zmq::socket_t(context, zmq::socket_type::pair)};
    pair.socket.set(zmq::sockopt::linger, 0);
    // The I/O thread would wait for a full queue. What is in it is bounded by the connections that are made.
    pair.socket.set(zmq::sockopt::rcvhwm, 0);
    pair.socket.connect(address);
    monitor = std::move(pair);
}

bool next_event(Socket& monitor, MonitorEvent& event) {
    zmq::message_t frame;
    if (receive_frame(monitor.socket, frame) < 0) return false;
    std::uint16_t type = 0;
    std::uint32_t value = 0;
    assert(frame.size() == sizeof type + sizeof value);
    std::memcpy(&type, frame.data(), sizeof type);
    std::memcpy(&value, static_cast<const char*>(frame.data()) + sizeof type, sizeof value);
    event = {type, value};
    zmq::message_t address;
    receive_frame(monitor.socket, address);
    return true;
}

}  // namespace berkeley
