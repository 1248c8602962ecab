// Sketch:  warm-up probes | the rest --by delay--> lowest quartile --by offset--> its median
//
// Failure mode: where the two ways' delays differ persistently, every sample is wrong by half the difference
// and no choice among them helps; the error bound, half the kept sample's delay, covers it.

#include "estimate/burst.hpp"

#include <algorithm>
#include <vector>

#include "base/int128.hpp"

namespace berkeley {

namespace {

std::int64_t mean(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(floor_div(Int128{a} + b, 2));
}

/// Of an even number the median lies between two; to take the lower one would shift every offset down.
Sample midpoint(const Sample& a, const Sample& b) {
    return {from_ns<RawTime>(mean(to_ns(a.at), to_ns(b.at))), Duration{mean(a.offset.count(), b.offset.count())},
            Duration{mean(a.delay.count(), b.delay.count())}};
}

}  // namespace

std::optional<Measurement> combine_burst(std::span<const Sample> samples, std::size_t warmup) {
    if (samples.empty()) return std::nullopt;
    const auto kept = samples.size() > warmup ? samples.subspan(warmup) : samples.last(1);
    std::vector<Sample> fast(kept.begin(), kept.end());
    const std::size_t quartile = (fast.size() + 3) / 4;
    std::sort(fast.begin(), fast.end(), [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
    fast.resize(quartile);
    std::sort(fast.begin(), fast.end(), [](const Sample& a, const Sample& b) { return a.offset < b.offset; });
    const Sample median = midpoint(fast[(quartile - 1) / 2], fast[quartile / 2]);
    const auto least = std::min_element(samples.begin(), samples.end(),
                                        [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
    return Measurement{median.at, median.offset, median.delay, *least,
                       static_cast<std::uint32_t>(samples.size())};
}

}  // namespace berkeley
