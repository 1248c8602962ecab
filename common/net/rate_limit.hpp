// RateLimit: a token bucket. It tells too when a peer that overflows it again and again is a flood. Pure;
// plain value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace berkeley {

struct RateLimitOptions {
    std::int64_t per_second = 0;  ///< 0: no limit
    std::int64_t burst = 0;
};

class RateLimit {
public:
    enum class Verdict : std::uint8_t {
        pass,
        drop,
        cut,  ///< a second's worth was dropped since the bucket was last full
    };

    RateLimit(const RateLimitOptions& options, RawTime now) : tokens_ns_(capacity(options)), at_(now) {}

    Verdict take(const RateLimitOptions& options, RawTime now) {
        if (options.per_second == 0) return Verdict::pass;
        const std::int64_t cost = 1'000'000'000 / options.per_second;
        const std::int64_t full = capacity(options);
        const Duration passed = std::clamp(now - at_, Duration{0}, Duration{full});
        at_ = now;
        tokens_ns_ = std::min(full, tokens_ns_ + passed.count());
        if (tokens_ns_ == full) dropped_ = 0;
        if (tokens_ns_ >= cost) {
            tokens_ns_ -= cost;
            return Verdict::pass;
        }
        return ++dropped_ > options.per_second ? Verdict::cut : Verdict::drop;
    }

private:
    /// Tokens are kept as the time in which they come.
    static std::int64_t capacity(const RateLimitOptions& options) {
        return options.per_second == 0 ? 0 : options.burst * (1'000'000'000 / options.per_second);
    }

    std::int64_t tokens_ns_;
    RawTime at_;
    std::int64_t dropped_ = 0;
};

}  // namespace berkeley
