// Sockets of ZeroMQ as Berkeley uses them: how they are made, and calls on them that never block. The one
// header that includes zmq.hpp. Not thread-safe.
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
/// libzmq ends a handshake that takes longer.
inline constexpr int kHandshakeMs = 2000;

/// Whether a socket's descriptor (ZMQ_FD) can be trusted. It tells of news, not of messages: any call on the
/// socket may take the news in, and afterwards only a look into the socket shows its messages.
enum class Readiness : std::uint8_t {
    settled,  ///< the last look found nothing, and no call came since: the descriptor will tell
    touched,  ///< a message was sent since
    backlog,  ///< the socket brought its whole share, and may have more
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

/// Sets keys and subscriptions before a socket is bound or connected. May throw zmq::error_t.
using Prepare = const std::function<Result<void>(zmq::socket_t&)>&;

/// Binds a socket into `target`, and returns the URL with the port that the system chose.
[[nodiscard]] Result<Url> open_bound(zmq::context_t& context, zmq::socket_type type, std::string_view url,
                                     Prepare prepare, Socket& target);
[[nodiscard]] Result<void> open_connected(zmq::context_t& context, zmq::socket_type type,
                                          std::string_view url, Prepare prepare, Socket& target);

/// The size of one frame, or -1 with errno set. Goes on after a signal.
int receive_frame(zmq::socket_t& socket, zmq::message_t& frame);
bool send_frame(zmq::socket_t& socket, const void* data, std::size_t size, int flags);
/// -1 where libzmq refuses, which it does only for a context that is ending.
int socket_option(zmq::socket_t& socket, int option);

/// The address that a message came from, without its port; empty: over ipc or within this process.
std::string sender_address(zmq::message_t& message);

/// libzmq's own routing ids are a zero and four bytes; a peer that chose its own is none of ours.
std::optional<Route> route_of(const zmq::message_t& identity);
std::array<unsigned char, kRoutingIdBytes> identity_of(Route route);

/// Events of a socket's connections, by libzmq's own monitor.
struct MonitorEvent {
    int type = 0;             ///< ZMQ_EVENT_...
    std::uint32_t value = 0;  ///< a descriptor, or the cause of a failure
};

/// Starts to watch a socket; the events come through `monitor`. May throw zmq::error_t.
void open_monitor(zmq::context_t& context, zmq::socket_t& watched, int events, Socket& monitor);
/// False: there is no event now.
bool next_event(Socket& monitor, MonitorEvent& event);

}  // namespace berkeley
