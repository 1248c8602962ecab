// ServiceNotifier: what systemd is told of a service (Type=notify): that it is ready, how it is, that it
// lives.
//
// The protocol is a datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names (sd_notify(3));
// without that variable every call does nothing. Nothing here waits, and a datagram that cannot be sent is
// lost: the watchdog notices. Not thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "os/file_descriptor.hpp"

namespace berkeley {

class ServiceNotifier {
public:
    /// Reads NOTIFY_SOCKET.
    ServiceNotifier();
    /// `socket`: a path, or an abstract name after '@'; empty: nobody listens.
    explicit ServiceNotifier(std::string_view socket);

    void ready() { send("READY=1"); }
    void stopping() { send("STOPPING=1"); }
    /// To be told at least twice in each period of the watchdog.
    void alive() { send("WATCHDOG=1"); }
    /// One line for people; told where it differs from the last one.
    void status(std::string_view text);

private:
    void send(const std::string& message);

    FileDescriptor socket_;
    std::string address_;  ///< as sockaddr_un has it
    std::string told_;
};

}  // namespace berkeley
