// The averages of Berkeley's algorithm over the offsets of all clocks against the master's.
//
// Cold start (Gusella and Zatti, "The accuracy of the clock synchronization achieved by TEMPO in Berkeley
// UNIX 4.3BSD", 1989, made robust by the median absolute deviation): nobody knows the time, and offsets may
// be hours. Steady state: Schmid's fault-tolerant interval function with a clamped trimmed mean, see
// average.cpp. Offsets are in ns relative to the master, which contributes the offset 0. Pure functions;
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"

namespace berkeley {

struct Contribution {
    Duration offset{0};      ///< member's clock minus master's
    Duration half_width{0};  ///< h_i = e_i + capped a_i, >= 0
};

struct Average {
    Duration value{0};      ///< A
    bool split = false;     ///< no agreement: value is 0 and must not be applied
    bool degraded = false;  ///< too few clocks for a vote
    Duration low{0};        ///< the agreed interval [low, high], where not split
    Duration high{0};
    std::vector<bool> outlier;  ///< for each contribution: left out of A
};

/// The mean of the members within 3 * max(1.4826 * MAD, e) of the median. e is the median half width, so one
/// badly measured member does not widen it. n = 0 gives A = 0, degraded; n = 1 and 2 are degraded too.
Average cold_start_average(std::span<const Contribution> members);

/// n >= 3: f = max(1, floor((n - 1) / 3)), trimmed and clamped; n = 2: the mean if the intervals overlap,
/// else split, degraded either way; n = 1: that one's offset, degraded. Where no n - f intervals share a
/// point, it takes a strict majority whose intervals share a point with each other and with `predicted` (the
/// predicted ensemble, where known); otherwise the result is split. O(n log n).
Average fault_tolerant_average(std::span<const Contribution> members,
                               const std::optional<Contribution>& predicted = std::nullopt);

/// The mean of the values without the f lowest and f highest, f as in the fault-tolerant average; 0 without
/// values.
double trimmed_mean(std::vector<double> values);

}  // namespace berkeley
