#include "os/host_lookup.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace berkeley {

Result<std::vector<std::string>> look_up_host(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw); error != 0) {
        return failure(error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(raw, ::freeaddrinfo);
    std::vector<std::string> addresses;
    for (const addrinfo* entry = raw; entry != nullptr; entry = entry->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                          NI_NUMERICHOST) != 0) {
            continue;
        }
        std::string address = text.data();
        if (entry->ai_family == AF_INET6) address = "[" + address + "]";
        const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
        if (!known) addresses.push_back(std::move(address));
    }
    if (addresses.empty()) return failure("it has no address");
    return addresses;
}

}  // namespace berkeley
