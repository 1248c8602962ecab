// 128-bit integers for products of nanoseconds and parts per billion, and saturating narrowing.
#pragma once

#include <cstdint>
#include <limits>

namespace berkeley {

__extension__ using Int128 = __int128;

constexpr std::int64_t saturate(Int128 value) {
    constexpr Int128 low = std::numeric_limits<std::int64_t>::min();
    constexpr Int128 high = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(value < low ? low : value > high ? high : value);
}

/// floor(a / b) for b > 0. Plain division truncates towards zero, and a clock map would change its slope at
/// zero.
constexpr Int128 floor_div(Int128 a, Int128 b) {
    const Int128 q = a / b;
    return (a % b != 0 && a < 0) ? q - 1 : q;
}

}  // namespace berkeley
