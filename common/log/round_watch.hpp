// RoundWatch: finds in a master's rounds the few things that change: whose clock is an outlier, whose
// oscillator is beyond --max-drift, whether enough clocks agree. Trouble is told at once, its end after some
// rounds, so that what flickers is told once. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/events.hpp"

namespace berkeley {

class RoundWatch {
public:
    /// Rounds without it after which trouble is over.
    static constexpr unsigned kCalmRounds = 10;

    /// A rate is what it seems to be after so many rounds.
    static constexpr unsigned kDriftRounds = 30;

    /// 0: any oscillator will do.
    explicit RoundWatch(std::int64_t max_drift_ppb = 0) : max_drift_ppb_(max_drift_ppb) {}

    /// What people should know of this round.
    [[nodiscard]] std::vector<NoteEvent> look_at(const RoundEvent& event);

    /// A member has left: no outlier any more.
    void forget(const NodeId& id) {
        outliers_.erase(id);
        drifting_.erase(id);
    }

private:
    void look_at_state(const RoundEvent& event, std::vector<NoteEvent>& out);
    void look_at_outliers(const RoundEvent& event, std::vector<NoteEvent>& out);

    void look_at_drift(const RoundEvent& event, std::vector<NoteEvent>& out);

    std::int64_t max_drift_ppb_;
    std::map<NodeId, unsigned> drifting_;  ///< rounds that each has been beyond --max-drift
    std::map<NodeId, unsigned> outliers_;  ///< rounds since each was one
    RoundState told_ = RoundState::steady;
    unsigned calm_rounds_ = 0;
};

}  // namespace berkeley
