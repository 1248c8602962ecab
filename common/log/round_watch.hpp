// RoundWatch: finds in a master's rounds the few things that change: whose clock is an outlier, whether
// enough clocks agree. Trouble is told at once, its end after some rounds, so that what flickers is told
// once. Not thread-safe.
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

    /// What people should know of this round.
    [[nodiscard]] std::vector<NoteEvent> look_at(const RoundEvent& event);

    /// A member has left: no outlier any more.
    void forget(const NodeId& id) { outliers_.erase(id); }

private:
    void look_at_state(const RoundEvent& event, std::vector<NoteEvent>& out);
    void look_at_outliers(const RoundEvent& event, std::vector<NoteEvent>& out);

    std::map<NodeId, unsigned> outliers_;  ///< rounds since each was one
    RoundState told_ = RoundState::steady;
    unsigned calm_rounds_ = 0;
};

}  // namespace berkeley
