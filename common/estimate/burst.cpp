//   |-----------------x-----------------|       slow both ways
//           |-----------x-----------|           fast back: its left end counts
//     |-----------x-----------|                 fast there: its right end counts
//           [        m        ]
//
// The middle m is the sharpest estimate where queueing is random. Where the least delays of the two ways
// differ (an idle CPU rarely shows them) m is off by half the difference; the median offset of the fast
// probes, without the warm-up, is not. Neither is best everywhere; two parts of the middle and one of the
// median are never far from the best. The distance between them tells how good either is: on recorded delays
// the error is about as large (docs/ALGORITHM.md).
//
// Where queueing is independent on the two ways, the least delay of each way is found n times sooner than
// one probe that was fast on both. A probe that wakes an idle CPU is slow on one way only. It takes part,
// because its other way may be the fastest. An oscillator that is 5 % off moves by microseconds during a
// burst, so we first take out its known frequency.
//
// Failure mode: where the two ways' least delays differ persistently, the middle is wrong by half the
// difference and no choice among the probes helps; the error bound, half the tightest sample's delay, covers
// it.

#include "estimate/burst.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/int128.hpp"

namespace berkeley {

namespace {

/// The ends of a sample's interval, doubled so that they are integers.
Int128 twice_right(const Sample& s) { return 2 * Int128{s.offset.count()} + s.delay.count(); }
Int128 twice_left(const Sample& s) { return 2 * Int128{s.offset.count()} - s.delay.count(); }

struct Doubled {
    Int128 at;
    Int128 offset;
    Int128 delay;
};

/// Twice the median offset of the quarter with the least delays. With an even number the median lies between
/// two samples. Requires: not empty.
Doubled twice_fast_median(std::span<const Sample> samples) {
    std::vector<Sample> fast(samples.begin(), samples.end());
    const std::size_t quartile = (fast.size() + 3) / 4;
    std::sort(fast.begin(), fast.end(), [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
    fast.resize(quartile);
    std::sort(fast.begin(), fast.end(), [](const Sample& a, const Sample& b) { return a.offset < b.offset; });
    const Sample& a = fast[(quartile - 1) / 2];
    const Sample& b = fast[quartile / 2];
    return {Int128{to_ns(a.at)} + to_ns(b.at), Int128{a.offset.count()} + b.offset.count(),
            Int128{a.delay.count()} + b.delay.count()};
}

/// With fewer probes the median deviation says nothing.
constexpr std::size_t kTellingProbes = 4;

/// The median distance of the offsets from their median; 0 for too few probes. It may be off by a
/// nanosecond.
std::int64_t median_deviation(std::span<const Sample> samples) {
    if (samples.size() < kTellingProbes) return 0;
    const auto median = [](std::vector<std::int64_t>& values) {
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        return *middle;
    };
    std::vector<std::int64_t> values;
    for (const Sample& s : samples) values.push_back(s.offset.count());
    const Int128 center = median(values);
    for (std::int64_t& value : values) value = saturate(value < center ? center - value : value - center);
    return std::max<std::int64_t>(1, median(values));
}

}  // namespace

std::optional<Measurement> combine_burst(std::span<const Sample> probes, const BurstOptions& options) {
    if (probes.empty()) return std::nullopt;
    const Sample& tightest = *std::min_element(
        probes.begin(), probes.end(), [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
    // We shift all offsets to the instant of the tightest sample.
    const auto drifted = [&](RawTime at) {
        const double ns = static_cast<double>((at - tightest.at).count()) * options.freq_ppb * 1e-9;
        return static_cast<std::int64_t>(std::llround(std::clamp(ns, -4e18, 4e18)));
    };
    std::vector<Sample> samples(probes.begin(), probes.end());
    for (Sample& s : samples) s.offset = Duration{saturate(Int128{s.offset.count()} - drifted(s.at))};
    const Sample& there =
        *std::min_element(samples.begin(), samples.end(),
                          [](const Sample& a, const Sample& b) { return twice_right(a) < twice_right(b); });
    const Sample& back =
        *std::max_element(samples.begin(), samples.end(),
                          [](const Sample& a, const Sample& b) { return twice_left(a) < twice_left(b); });
    Measurement result{tightest.at, tightest.offset, tightest.delay, tightest,
                       static_cast<std::uint32_t>(samples.size())};
    const Int128 right = twice_right(there);
    const Int128 left = twice_left(back);
    // The intervals share nothing: the oscillator is so far off that its offset moved during the burst.
    if (right < left) return result;
    const std::size_t skipped = std::min(options.warmup, samples.size() - 1);
    const auto warm = std::span<const Sample>(samples).subspan(skipped);
    const Doubled median = twice_fast_median(warm);
    // (2 * middle + median) / 3, instants and delays alike.
    const Int128 at = 2 * (Int128{to_ns(there.at)} + to_ns(back.at)) + median.at;
    result.at = from_ns<RawTime>(saturate(floor_div(at, 6)));
    result.offset = Duration{saturate(floor_div(right + left + median.offset, 6) + drifted(result.at))};
    result.delay = Duration{saturate((2 * (right - left) + median.delay) / 6)};
    if (const std::int64_t deviation = median_deviation(warm); deviation > 0) {
        // Both the middle and the median are four times their value here.
        const Int128 apart = right + left - 2 * median.offset;
        result.disagreement = Duration{saturate((apart < 0 ? -apart : apart) / 4 + deviation)};
    }
    return result;
}

}  // namespace berkeley
