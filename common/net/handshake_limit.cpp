#include "net/handshake_limit.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/peer_address.hpp"
#include "net/tcp_bytes.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {
namespace {

/// Without keys a client must have sent (ZMTP 3.1, RFC 37) the greeting of 64 bytes, and READY.
constexpr std::uint64_t kPlainHandshakeBytes = 64 + 16;
/// With keys (RFC 26) a server has sent an admitted client the greeting, WELCOME of 170 bytes, and READY,
/// which has 52 at least with the type of the socket in it. A client that was not admitted gets the first two
/// only.
constexpr std::uint64_t kCurveHandshakeBytes = 64 + 170 + 52;

int file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
}

}  // namespace

void cut(int fd) {
    // A descriptor that was closed meanwhile is no socket, or at worst another connection, which comes back.
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void HandshakeLimit::on_accepted(int fd, RawTime now, DropCounters& drops) {
    if (fd >= file_limit() - kReservedFiles) {
        drops.count(Drop::file_limit, peer_address(fd));
        cut(fd);
        return;
    }
    pending_.push_back({fd, now});
    shed(now, drops);
}

void HandshakeLimit::shed(RawTime now, DropCounters& drops) {
    const Duration interval = std::chrono::milliseconds{kHandshakeMs};
    while (!pending_.empty()) {
        const Entry& oldest = pending_.front();
        const Duration age = now - oldest.accepted_at;
        const bool crowded = pending_.size() > kManyHandshakes && age >= kHandshakeGrace;
        const bool ended = age > interval;  // by libzmq, done or not
        if (!ended && !crowded && pending_.size() <= most()) return;
        if (!ended && !is_done(oldest.fd)) {
            drops.count(Drop::crowded_handshake, peer_address(oldest.fd));
            cut(oldest.fd);
        }
        pending_.pop_front();
    }
}

std::size_t HandshakeLimit::most() {
    return std::clamp(static_cast<std::size_t>(file_limit()) / 8, kManyHandshakes, kMaxPendingHandshakes);
}

void HandshakeLimit::on_disconnected(int fd) {
    const auto gone =
        std::find_if(pending_.begin(), pending_.end(), [fd](const Entry& e) { return e.fd == fd; });
    if (gone != pending_.end()) pending_.erase(gone);
}

bool HandshakeLimit::is_done(int fd) const {
    const auto bytes = tcp_bytes(fd);
    if (!bytes) return true;
    return secured_ ? bytes->acknowledged >= kCurveHandshakeBytes : bytes->received >= kPlainHandshakeBytes;
}

}  // namespace berkeley
