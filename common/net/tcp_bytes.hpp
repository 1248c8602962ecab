// tcp_bytes: the bytes that a connection has carried, by the kernel's own count (Linux, TCP_INFO).
#pragma once

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>

namespace berkeley {

struct TcpBytes {
    std::uint64_t received = 0;
    std::uint64_t acknowledged = 0;  ///< of the bytes sent
};

/// Nothing where the descriptor is no TCP connection: ipc, or closed meanwhile.
inline std::optional<TcpBytes> tcp_bytes(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return TcpBytes{info.tcpi_bytes_received, info.tcpi_bytes_acked};
}

}  // namespace berkeley
