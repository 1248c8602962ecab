// Peers: the other ends of what is measured, each a process of its own as in real use.
//
// A peer is this very program, started as `berkeley-bench peer KIND WORD...`, or a program of the
// product beside it. A peer that has something to say prints a line of JSON. None outlives the
// benchmark (harness::Process). Users start none, and --help does not name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/result.hpp"
#include "tests/harness/process.hpp"

namespace berkeley::bench {

// Which CPUs the two ends of a path run on.
//
// Left to the scheduler, each path settles for seconds into a placement of its own, on one CPU or
// across two, and the same code takes 60 us or 105 us accordingly: ratios of one run would compare
// placements. So this end of every path gets one half of the CPUs that we may use, and the other
// end gets the other half.
enum class End : std::uint8_t { here, peer, anywhere };

/// Of those that this process had when this was first called.
std::vector<int> cpus_of(End end);

/// Moves the calling thread, and those that it starts later.
void place(End end);

std::string placement_text();

using Peer = std::unique_ptr<harness::Process>;
using Words = std::vector<std::string>;

[[nodiscard]] Result<Peer> start_peer(const std::string& kind, const Words& words, End end);
/// The event with this key, once the peer has printed it; a failure, with its last words, where it
/// does not.
[[nodiscard]] Result<harness::Json> hear(harness::Process& peer, const char* key,
                                         harness::milliseconds patience);

/// The load of the loaded halves: two processes that spin, wherever the scheduler wants them.
[[nodiscard]] Result<std::vector<Peer>> start_spinners();

/// The main function of a peer; returns its exit code.
int run_peer(const Words& words);

// The kinds, where they are written. Each returns only where it cannot go on.
int run_prober(const Words& words);         ///< the master's end of the product's poll path
int run_libzmq_peer(const Words& words);    ///< answers a poll's bytes with as many as a REPLY has
int run_tcp_peer(const Words& words);       ///< the same over a bare socket
int run_cristian_peer(const Words& words);  ///< answers with its time-stamps
int run_scale_master(const Words& words);   ///< a candidate that tells when a round was made
int run_slave_host(const Words& words);     ///< many slaves that tell when the last
                                            ///< has its correction
int run_echo_host(const Words& words);      ///< the same of bare sockets

const ClusterName& bench_cluster();

/// Of a POLL and of a REPLY on the wire, as they are in the middle of a long run.
struct PollSizes {
    std::size_t poll;
    std::size_t reply;
};
PollSizes poll_sizes();

}  // namespace berkeley::bench
