// The masters' ends of `berkeley-bench scale`: a round of single probes over N slaves, and its corrections.
//
//   product  MasterCore, codec and Transport: HELLO and WELCOME, POLL and REPLY, the verdict, CORRECTION and
//   ROUND libzmq   ROUTER and XPUB with as many messages of as many bytes and topics, and nothing else
//
// Both probe all N at once (the product up to 1024, the widest --window). In real use a master takes 32 at a
// time and paces them. Times are CLOCK_MONOTONIC_RAW's, which the host shares. Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/peer_process.hpp"

namespace berkeley::bench {

struct ScaleTimes {
    Duration round{0};    ///< from before the first probe is sent until the last answer is received
    Duration publish{0};  ///< from before the first correction is sent until the last slave has its own
};

class ScaleLane {
public:
    virtual ~ScaleLane() = default;
    /// Until all N take part.
    [[nodiscard]] virtual Result<void> settle() = 0;
    /// A failure where a probe or a correction was lost.
    [[nodiscard]] virtual Result<ScaleTimes> measure() = 0;
};

/// How long the product waits between two rounds; so long apart are its samples.
Duration scale_interval(std::size_t size);

/// `host` runs run_slaves_host, and has not been told anything yet.
[[nodiscard]] Result<std::unique_ptr<ScaleLane>> make_product_lane(std::size_t size, PeerProcess& host);
/// `host` runs run_echo_host.
[[nodiscard]] Result<std::unique_ptr<ScaleLane>> make_libzmq_lane(std::size_t size, PeerProcess& host);

}  // namespace berkeley::bench
