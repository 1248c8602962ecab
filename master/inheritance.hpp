// Inheritance: what a new master's time owes to its predecessor's.
//
// Until every member follows the new master, and those that cannot be reached have left SYNCHRONIZED by
// themselves, some clocks still go by the predecessor's time, so all bounds have to reach that too. Pure; not
// thread-safe.
#pragma once

#include "discipline/discipline.hpp"

namespace berkeley {

class Inheritance {
public:
    /// A term begins; `clock`: the master's own.
    void begin(const Discipline& clock, RawTime now);
    /// How far this master's time may lie from its predecessor's; 0: nothing is owed any more.
    Duration bound(RawTime now) const;
    /// After a round. `adopted`: the bound of a time taken over from others in it, or 0; `all_follow`: each
    /// member has applied a correction of this term.
    void update_after_round(Duration adopted, bool all_follow, const Discipline& clock, RawTime now);

private:
    Duration bound_{0};  ///< as of at_
    RawTime at_{};
    std::int64_t drift_ppb_ = 0;  ///< how fast it grows
};

/// By how much cluster time's rate may change: earned with time, and never much at once. A clock in holdover
/// knows nothing of that rate since; its bound is right as long as the rate keeps to this.
class RateCredit {
public:
    void begin(RawTime now);
    /// What may be spent now, ppb. `max_drift_ppb`: the promise that bounds grow by.
    std::int64_t earn(std::int64_t max_drift_ppb, RawTime now);
    void spend(std::int64_t ppb);

private:
    RawTime at_{};
    double ppb_ = 0;
};

}  // namespace berkeley
