// A peer without keys that begins a message and never ends it, by a connection of its own: libzmq sends
// nothing of a message before it has its end.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/endpoint.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {

class EndlessMessage {
public:
    /// `socket_type` as ZMTP names it, DEALER or XSUB. ZMTP 3.1 (RFC 37), mechanism NULL.
    EndlessMessage(std::string_view url, const std::string& socket_type, std::size_t frame_size)
        : frame_(std::string("\3", 1) + big_endian(frame_size, 8) + std::string(frame_size, 'x')) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(parse_endpoint(url, EndpointUse::connect)->port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        std::string greeting("\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL", 16);
        greeting.resize(64, '\0');
        const std::string ready =
            std::string("\5READY") + "\13Socket-Type" + big_endian(socket_type.size(), 4) + socket_type;
        rest_ = greeting + '\4' + static_cast<char>(ready.size()) + ready;
    }
    bool connected() const { return connected_; }
    /// As much as goes without waiting. False: the other side has ended it.
    bool go_on() {
        for (int i = 0; i < 100; ++i) {
            if (rest_.empty() && !answered()) return true;
            if (rest_.empty()) rest_ = frame_;
            const ssize_t sent = ::send(fd_.get(), rest_.data(), rest_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0) return errno == EAGAIN;
            bytes_ += static_cast<std::size_t>(sent);
            rest_.erase(0, static_cast<std::size_t>(sent));
        }
        return true;
    }
    std::size_t bytes() const { return bytes_; }

private:
    /// The other side's READY has come, behind its greeting: libzmq takes no message before.
    bool answered() {
        std::array<char, 1024> bytes;
        const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (size > 0) heard_ += static_cast<std::size_t>(size);
        return heard_ > 64;
    }
    static std::string big_endian(std::size_t value, int bytes) {
        std::string text;
        for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
            text += static_cast<char>(value >> shift & 0xff);
        return text;
    }

    FileDescriptor fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::string frame_;
    std::string rest_;
    std::size_t bytes_ = 0;
    std::size_t heard_ = 0;
    bool connected_ = false;
};

}  // namespace berkeley
