// Inheritance: the part of the error bounds that a new master owes to its predecessor's time.
//
// Some clocks still go by the predecessor's time until every member follows the new master and members out
// of reach have left SYNCHRONIZED by themselves. Until then all bounds must cover that time too. Pure; not
// thread-safe.
#pragma once

#include "discipline/discipline.hpp"

namespace berkeley {

class Inheritance {
public:
    /// Begins a term. `clock` is the master's own.
    void begin(const Discipline& clock, RawTime now);
    /// How far this master's time may lie from its predecessor's; 0 once all have followed.
    Duration bound(RawTime now) const;
    /// Updates the bound after a round. `adopted` is the bound of a time taken over from others in it, or 0.
    /// `all_follow` says that each member that calls itself SYNCHRONIZED has applied a correction of this
    /// term. The bound ends a valid time later, or after two valid times whatever the members say: one that
    /// cannot be corrected must not cost the others their bounds.
    void update_after_round(Duration adopted, bool all_follow, const Discipline& clock, RawTime now);

private:
    Duration bound_{0};  ///< as of at_
    RawTime at_{};
    std::int64_t drift_ppb_ = 0;  ///< how fast it grows
};

/// RateCredit: how much cluster time's rate may change. The credit grows with time, and it is never large at
/// once. A clock in holdover does not hear of changes of the rate; its bound is right as long as the rate
/// stays within this credit.
class RateCredit {
public:
    void begin(RawTime now);
    /// Returns the credit that may be spent now, in ppb. Bounds grow by `max_drift_ppb`.
    std::int64_t earn(std::int64_t max_drift_ppb, RawTime now);
    void spend(std::int64_t ppb);

private:
    RawTime at_{};
    double ppb_ = 0;
};

}  // namespace berkeley
