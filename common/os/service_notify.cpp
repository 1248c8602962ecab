#include "os/service_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "base/text.hpp"

namespace berkeley {

namespace {

std::string_view notify_socket() {
    const char* name = std::getenv("NOTIFY_SOCKET");
    return name == nullptr ? std::string_view{} : std::string_view{name};
}

}  // namespace

ServiceNotifier::ServiceNotifier() : ServiceNotifier(notify_socket()) {}

ServiceNotifier::ServiceNotifier(std::string_view socket) {
    // Other kinds (vsock) are for whole machines.
    const bool known = socket.starts_with('/') || socket.starts_with('@');
    if (!known || socket.size() < 2 || socket.size() >= sizeof(sockaddr_un::sun_path)) return;
    address_ = socket;
    if (address_.front() == '@') address_.front() = '\0';
    socket_ = FileDescriptor{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

void ServiceNotifier::status(std::string_view text) {
    if (told_ == text) return;
    told_ = text;
    send("STATUS=" + one_line(told_));
}

void ServiceNotifier::send(const std::string& message) {
    if (socket_.get() < 0) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::copy(address_.begin(), address_.end(), to.sun_path);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    static_cast<void>(::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&to), size));
}

}  // namespace berkeley
