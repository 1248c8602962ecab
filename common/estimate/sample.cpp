#include "estimate/sample.hpp"

#include <algorithm>

#include "base/int128.hpp"

namespace berkeley {

tl::expected<Sample, StampError> cristian(const ProbeStamps& s, Duration slack) {
    if (!is_sane(s.t1) || !is_sane(s.t2) || !is_sane(s.t3) || !is_sane(s.t4)) {
        return tl::unexpected(StampError::insane);
    }
    if (s.t3 < s.t2 || s.t4 < s.t1) return tl::unexpected(StampError::reversed);
    // Sane stamps are below 2^61, so their differences fit, but the sum of two may not.
    const Duration delay = (s.t4 - s.t1) - (s.t3 - s.t2);
    if (delay < -slack) return tl::unexpected(StampError::residence);
    const Int128 twice = Int128{(s.t2 - s.t1).count()} + (s.t3 - s.t4).count();
    return Sample{s.t1 + (s.t4 - s.t1) / 2, Duration{saturate(floor_div(twice, 2))},
                  std::max(delay, Duration{0})};
}

}  // namespace berkeley
