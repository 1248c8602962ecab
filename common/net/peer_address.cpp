#include "net/peer_address.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

namespace berkeley {

std::string peer_address(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return {};
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0) {
        return {};
    }
    return std::string(plain_address(text.data()));
}

std::string_view plain_address(std::string_view address) {
    constexpr std::string_view kMapped = "::ffff:";
    return address.starts_with(kMapped) ? address.substr(kMapped.size()) : address;
}

}  // namespace berkeley
