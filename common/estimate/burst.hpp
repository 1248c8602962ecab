// A burst's probes become one measurement: the first ones, which only warm the path, are left out; of the
// rest the median offset within the lowest quartile of delay is taken. The very fastest packet was often
// lucky in one direction only, the median of the fast ones is not.
// Not thread-safe.
#pragma once

#include <optional>
#include <span>

#include "estimate/sample.hpp"

namespace berkeley {

inline constexpr std::size_t kMaxBurst = 64;

struct Measurement {
    RawTime at{};           ///< master's raw time of the kept sample (of two: their mean, as below)
    Duration offset{0};     ///< slave's raw clock minus master's
    Duration delay{0};      ///< of the kept sample
    Sample tightest{};      ///< the one of least delay, warm-up included: the narrowest certain interval
    std::uint32_t samples = 0;
};

/// `samples`: in the order of the probes. At least one sample behind the warm-up ones gives a measurement;
/// with fewer than warmup + 1 samples the last one alone serves. Empty: nothing.
std::optional<Measurement> combine_burst(std::span<const Sample> samples, std::size_t warmup = 2);

}  // namespace berkeley
