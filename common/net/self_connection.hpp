// A TCP connection to itself. A client of a port of this machine at which nobody listens may get that very
// port as its own, where the range of ephemeral ports holds it; then its SYN meets itself, and it is
// connected. It would keep the port from the server for as long as it lasts. Linux; stateless.
#pragma once

namespace berkeley {

/// Ends such a connection, and frees its port at once. False: it is none.
bool part_from_itself(int fd);

}  // namespace berkeley
