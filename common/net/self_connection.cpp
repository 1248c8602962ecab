#include "net/self_connection.hpp"

#include <sys/socket.h>

#include <cstring>

namespace berkeley {

bool part_from_itself(int fd) {
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
        ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) {
        return false;  // closed meanwhile
    }
    const bool tcp = own.ss_family == AF_INET || own.ss_family == AF_INET6;
    if (!tcp || own_size != peer_size || std::memcmp(&own, &peer, own_size) != 0) return false;
    // A shutdown would leave the port in TIME_WAIT for a minute.
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    return ::connect(fd, &none, sizeof none) == 0;
}

}  // namespace berkeley
