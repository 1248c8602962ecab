// peer_address: who is at the other end, for people. Stateless.
#pragma once

#include <string>
#include <string_view>

namespace berkeley {

/// Of a connection of TCP, without its port; empty where it is none, or has ended.
std::string peer_address(int fd);

/// An IPv4 address that came over an IPv6 socket, as people write it; others are returned as they are.
std::string_view plain_address(std::string_view address);

}  // namespace berkeley
