// Burst: combines a burst's probes into one measurement. Each probe says that the offset lies within offset
// +- delay / 2, so it lies in the intersection of these intervals: between the fastest way there and the
// fastest way back, even where no single probe had both. The measurement is two parts the middle of the
// intersection and one part the median offset of the fastest quarter, without the first probes, which only
// warm the path. Not thread-safe.
#pragma once

#include <optional>
#include <span>

#include "estimate/sample.hpp"

namespace berkeley {

inline constexpr std::size_t kMaxBurst = 64;

struct Measurement {
    RawTime at{};        ///< master's raw time: the mean of the probes that it is made of
    Duration offset{0};  ///< slave's raw clock minus master's
    Duration delay{0};   ///< made of the interval's width and the median's delay alike
    Sample tightest{};   ///< the sample of least delay: the narrowest certain interval of a single probe
    std::uint32_t samples = 0;
    /// How far the probes disagree: the median deviation of their offsets, plus the distance between the
    /// middle of the shared interval and the fast probes' median. 0: too few probes to tell.
    Duration disagreement{0};
};

struct BurstOptions {
    std::size_t warmup = 2;  ///< the number of first probes that do not count for the median
    double freq_ppb = 0;     ///< the slave's raw clock against the master's, as far as it is known
};

/// No probes give no measurement. Where the intervals share nothing, the tightest sample alone serves.
std::optional<Measurement> combine_burst(std::span<const Sample> probes, const BurstOptions& options = {});

}  // namespace berkeley
