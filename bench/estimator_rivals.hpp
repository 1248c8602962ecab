// The estimators that the product's is compared with: what else the literature does with bursts of probes.
//
//   plain                Cristian's method as it stands: the last probe of the round
//   minimum              the probe of least delay of the round; what NTP's clock filter does within its
//   window burst_median         the product's choice within a burst, without the filter behind it regression
//   least-squares line through the minima of 16 rounds weighted_regression  the same, slow probes counting
//   less envelope             lines below all forward and above all backward stamps of 32 rounds (Moon,
//   Skelly and
//                        Towsley, "Estimation and removal of clock skew from network delay measurements",
//                        1999)
//   kalman               the product's, as it ships
//
// All see the same samples. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estimate/sample.hpp"

namespace berkeley::bench {

class Rival {
public:
    virtual ~Rival() = default;
    /// One burst, in the order of its probes; empty where all were lost.
    virtual void round(std::span<const Sample> burst) = 0;
    /// The slave's raw clock minus the master's at the master's time `at`, in ns; nothing before the first
    /// sample. Offsets of the study are small enough for a double.
    virtual std::optional<double> predict(RawTime at) const = 0;
};

struct RivalKind {
    std::string name;
    std::unique_ptr<Rival> (*make)();
};

inline constexpr std::string_view kProduct = "kalman";

/// The product's comes last.
const std::vector<RivalKind>& rival_kinds();

}  // namespace berkeley::bench
