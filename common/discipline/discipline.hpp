// Discipline: one node's virtual clock and the policy that corrects it.
//
// A correction is slewed at a limited rate and the frequency correction takes effect at once, so time never
// runs backward. The clock steps only before the first synchronisation, beyond the step threshold, or where
// slewing would keep the bound above max_bound for longer than kSlewMax; then the status first leaves
// SYNCHRONIZED and the disruption counter rises. Once the clock has been synchronised, corrections beyond
// max_correction are refused, but for the first after a disruption. Without corrections the clock goes to
// HOLDOVER on its last frequency, and to UNSYNCHRONIZED when its error bound exceeds max_bound.
//
//   bound(now) = bound of the measurement + |unslewed| + drift * age + granularity
// where drift is the larger of max_drift and the drift that came with the correction (a rate that is not yet
// well known).
//
// Pure; not thread-safe. Raw times must not decrease from call to call.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock_map.hpp"
#include "base/clock_status.hpp"
#include "base/time.hpp"

namespace berkeley {

struct DisciplineOptions {
    std::int64_t max_slew_ppb = 500'000;
    Duration step_threshold = std::chrono::seconds{1};
    Duration max_correction = std::chrono::seconds{1000};
    Duration max_bound = std::chrono::milliseconds{100};
    std::int64_t max_drift_ppb = 50'000;
    Duration granularity{100};  ///< grain of reading the clock and of integer arithmetic
};

/// An oscillator's rate as an earlier run saved it, and how far off it may have been.
struct SavedRate {
    std::int64_t ppb = 0;
    std::int64_t skew_ppb = 0;
};

/// A clock that is UNSYNCHRONIZED by its slewing for longer than this gains nothing by it, and is stepped.
inline constexpr Duration kSlewMax = std::chrono::seconds{10};

/// The bound of a clock that knows nothing: about 36 years.
inline constexpr Duration kUnknownBound{std::int64_t{1} << 60};

/// A clock that an earlier run of this node left behind, and that has run on since on the same oscillator.
struct ResumedClock {
    ClockMap map;                ///< its slew_rate_ppb is not used
    Duration bound{0};           ///< of the measurement, at measured_at
    RawTime measured_at{};       ///< own raw time
    std::int64_t drift_ppb = 0;  ///< growth of the bound
};

struct Adjustment {
    Duration correction{0};
    std::int64_t freq_ppb = 0;   ///< added to the rate
    Duration bound{0};           ///< of the measurement, at measured_at
    RawTime measured_at{};       ///< own raw time
    std::int64_t drift_ppb = 0;  ///< growth of the bound, where more than max_drift
};

struct AdjustResult {
    Applied applied = Applied::slew;
    std::string reason;  ///< where refused
};

class Discipline {
public:
    /// The clock starts at `initial` with the rate of an earlier run, UNSYNCHRONIZED.
    Discipline(const DisciplineOptions& options, RawTime now, ClusterTime initial, const SavedRate& rate);

    /// Goes on from an earlier run's clock, in HOLDOVER: nothing steps. False, and nothing changes, where its
    /// bound exceeds max_bound. Requires: no correction was applied yet.
    bool resume(const ResumedClock& clock, RawTime now);

    AdjustResult apply(const Adjustment& adjustment, RawTime now);

    /// Whether this correction would step the clock instead of slewing it.
    bool would_step(Duration correction, RawTime now) const;

    /// Sets how long a correction keeps the status SYNCHRONIZED. It follows from the round's interval.
    void set_valid_for(Duration valid_for) { valid_for_ = valid_for; }

    /// Lets time pass. Returns true where the status changed.
    bool tick(RawTime now);

    /// The machine slept or the process was moved. The map cannot be trusted until the next correction, and
    /// that one steps the clock whatever its size.
    void disrupt();

    /// The error bound of this clock; kUnknownBound where it was never synchronised.
    Duration bound(RawTime now) const;

    const ClockMap& map() const { return map_; }
    ClockStatus status() const { return status_; }
    bool ever_synchronized() const { return ever_synchronized_; }
    /// Whether others may count this clock as one that knows the time.
    bool trusted() const { return status_ == ClockStatus::synchronized || status_ == ClockStatus::holdover; }
    /// How often this clock was stepped or disrupted after it had been synchronised.
    std::uint64_t disruptions() const { return disruptions_; }
    /// How often the clock may have jumped, the first synchronisation included.
    std::uint64_t jumps() const { return jumps_; }
    Duration valid_for() const { return valid_for_; }
    /// How fast the bound grows.
    std::int64_t drift_ppb() const { return drift_ppb_; }
    /// The rate from which a later run may start.
    SavedRate rate_to_save() const { return {map_.rate_ppb, drift_ppb_ - options_.max_drift_ppb}; }
    RawTime measured_at() const { return measured_at_; }
    /// The bound at measured_at(), without the unslewed rest.
    Duration measurement_bound() const { return bound_ + options_.granularity; }
    /// The time from measured_at() until the bound, slewing aside, reaches max_bound; Duration::max() for
    /// never.
    Duration reach() const;
    /// The next time at which tick() is worth a call.
    RawTime next_deadline() const;
    const DisciplineOptions& options() const { return options_; }

private:
    Duration drift_since(RawTime then, RawTime now) const;

    DisciplineOptions options_;
    ClockMap map_;
    ClockStatus status_ = ClockStatus::unsynchronized;
    bool ever_synchronized_ = false;
    bool lost_ = false;  ///< since disrupt()
    std::uint64_t disruptions_ = 0;
    std::uint64_t jumps_ = 0;
    Duration bound_{kUnknownBound};
    std::int64_t drift_ppb_;
    RawTime measured_at_{};
    RawTime applied_at_{};
    Duration valid_for_ = std::chrono::seconds{5};
};

}  // namespace berkeley
