// The lanes of `berkeley-bench scale`: a round of single probes over N slaves, and its corrections.
//
//   product  a candidate's core in a NodeShell, as berkeley-master runs it, in
//   a process of its own; N slaves libzmq   ROUTER and XPUB with as many
//   messages of as many bytes and topics, and nothing else
//
// Both probe all N at once (the product up to 1024, the widest --window). In real use a master
// takes 32 at a time and paces them. Times are CLOCK_MONOTONIC_RAW's, which all processes share.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley::bench {

struct ScaleTimes {
    Duration round{0};    ///< from before the first probe is sent until the last
                          ///< answer is received
    Duration publish{0};  ///< from before the first correction is sent until the
                          ///< last slave has its own
};

class ScaleLane {
public:
    virtual ~ScaleLane() = default;
    /// Until all N take part.
    [[nodiscard]] virtual Result<void> settle() = 0;
    /// A failure where a probe or a correction was lost.
    [[nodiscard]] virtual Result<ScaleTimes> measure() = 0;
};

/// Thousands of connections, and a cold start that waits for the last of them.
inline constexpr Duration kSettlePatience = std::chrono::seconds{60};
inline constexpr std::chrono::seconds kCorrectionPatience{2};

[[nodiscard]] Result<std::unique_ptr<ScaleLane>> make_product_lane(std::size_t size);
[[nodiscard]] Result<std::unique_ptr<ScaleLane>> make_libzmq_lane(std::size_t size);

}  // namespace berkeley::bench
