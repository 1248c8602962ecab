// SavedState: what a node remembers over a restart. Promises bind it towards others, above all its vote; what
// it has learned only makes a start better. Plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "os/oscillator.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

struct Promises {
    NodeId id;  ///< the node that made them; empty: an early release saved them without it
    Term term = 0;
    Incarnation incarnation = 0;
    NodeId voted_for;  ///< in `term`; empty: nobody yet
    Committee committee;
    Duration timeout{0};  ///< D by which they were made; 0: not known
    friend bool operator==(const Promises&, const Promises&) = default;
};

struct Learned {
    std::int64_t freq_ppb = 0;
    std::int64_t freq_skew_ppb = 0;
    Oscillator oscillator{};                ///< that has this rate; an early release saved none
    std::vector<CandidateInfo> candidates;  ///< at most kMaxCandidates
    friend bool operator==(const Learned&, const Learned&) = default;
};

}  // namespace berkeley
