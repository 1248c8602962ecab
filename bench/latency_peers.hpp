// What the poll path is compared with: bare libzmq and bare TCP, carrying as many bytes each way and nothing
// else. No codec, no time-stamps, no deadlines.
//
// libzmq: ROUTER here, DEALER at the peer, contexts of their own, each end a loop of zmq_poll and zmq_recv.
// TCP: blocking sockets with TCP_NODELAY.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "bench/path.hpp"
#include "bench/peer_process.hpp"

namespace berkeley::bench {

/// Bodies of peer processes.
void run_libzmq_process(const std::string& endpoint);
void run_raw_process(const std::string& endpoint);

/// `peer` runs run_libzmq_process; null for inproc, where the peer is a thread.
[[nodiscard]] Result<std::unique_ptr<Path>> make_libzmq_path(Wire wire, std::string_view tag,
                                                             PeerProcess* peer);
/// `peer` runs run_raw_process.
[[nodiscard]] Result<std::unique_ptr<Path>> make_raw_path(PeerProcess& peer);

std::string libzmq_version();

}  // namespace berkeley::bench
