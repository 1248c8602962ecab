// Sockets of ZeroMQ as Berkeley uses them: how they are made, and calls on them that never block.
//
// For the transport and what stands beside it. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <zmq.hpp>

#include "base/bounded_string.hpp"
#include "base/result.hpp"
#include "protocol/actions.hpp"

namespace berkeley {

inline constexpr std::size_t kRoutingIdBytes = 5;
/// A handshake of libzmq's that takes longer is ended.
inline constexpr int kHandshakeMs = 2000;

/// Whether a socket's descriptor (ZMQ_FD) can be trusted. It tells of news, not of messages: any call on the
/// socket may take the news in, and from then on only a look into the socket shows what is there.
enum class Readiness : std::uint8_t {
    settled,  ///< the last look found nothing, and nothing was done with it since: its descriptor will tell
    touched,  ///< something was sent since
    backlog,  ///< it brought its whole share, and there may be more
};

struct Socket {
    zmq::socket_t socket;
    bool skipping = false;  ///< in the middle of the surplus frames of a message
    Readiness readiness = Readiness::touched;

    explicit operator bool() const { return socket.handle() != nullptr; }
    void touch() { readiness = std::max(readiness, Readiness::touched); }
    /// Unsent messages have `linger_ms` to leave.
    void close(int linger_ms = 0);
};

/// What is set before a socket is bound or connected: keys, subscriptions. May throw zmq::error_t.
using Prepare = const std::function<Result<void>(zmq::socket_t&)>&;

/// A bound socket in `target`, and what was really bound: the port where 0 or * was asked for.
[[nodiscard]] Result<Url> open_bound(zmq::context_t& context, zmq::socket_type type, std::string_view url,
                                     Prepare prepare, Socket& target);
[[nodiscard]] Result<void> open_connected(zmq::context_t& context, zmq::socket_type type,
                                          std::string_view url, Prepare prepare, Socket& target);

/// One frame, or -1 with errno set. Repeats what a signal interrupted.
int receive_frame(zmq::socket_t& socket, zmq::message_t& frame);
bool send_frame(zmq::socket_t& socket, const void* data, std::size_t size, int flags);
/// -1 where libzmq refuses, which it does for a context that is ending only.
int socket_option(zmq::socket_t& socket, int option);

/// The address that a message came from, without its port; empty: over ipc or within this process.
std::string sender_address(zmq::message_t& message);

/// libzmq's own routing ids are a zero and four bytes; a peer that brought its own is not one of ours.
std::optional<Route> route_of(const zmq::message_t& identity);
std::array<unsigned char, kRoutingIdBytes> identity_of(Route route);

/// Events of a socket's connections, by libzmq's own monitor.
struct MonitorEvent {
    int type = 0;             ///< ZMQ_EVENT_...
    std::uint32_t value = 0;  ///< a descriptor, or what went wrong
};

/// Starts to watch; the events come through `monitor`. May throw zmq::error_t.
void open_monitor(zmq::context_t& context, zmq::socket_t& watched, int events, Socket& monitor);
/// False: none now.
bool next_event(Socket& monitor, MonitorEvent& event);

}  // namespace berkeley
