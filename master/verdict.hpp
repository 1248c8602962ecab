// Verdict: the result of a finished round: the average, and each member's correction.
//
// At a cold start clocks that cannot be right take no part while others can.
//
// It is a pure function of the roster's measurements and the master's own clock. It is separate from the
// polling, so tables can test the arithmetic. Signs: offset > 0 means that the member is ahead of the
// master; the member adds correction = average - offset.
#pragma once

#include <optional>
#include <vector>

#include "discipline/discipline.hpp"
#include "master/roster.hpp"

namespace berkeley {

struct VerdictOptions {
    Duration interval = std::chrono::seconds{1};
    Duration inherited_bound{0};  ///< after a takeover, until every member follows the new master
    bool gathering = false;       ///< a cold start may not happen yet: the roster is still filling
    /// Rounds in a row, up to the last, in which the master's own clock was a falseticker.
    std::uint32_t self_outlier_rounds = 0;
    std::uint32_t split_rounds = 0;  ///< rounds in a row, up to the last, that were SPLIT
    /// How far cluster time's rate may change in this round; by default a fiftieth of max-drift.
    std::optional<std::int64_t> rate_limit_ppb;
    bool none_follow = false;  ///< the last correction is so old that no clock is SYNCHRONIZED by it
};

/// A master that finds its own clock to be the falseticker corrects nobody for so many rounds, and may hand
/// over. After them it takes over the others' average, however far away that is, as soon as no clock is
/// SYNCHRONIZED with its own: a clock that misses the first correction after that must not trust the time
/// before it.
inline constexpr std::uint32_t kSelfOutlierRounds = 3;

/// Of two clocks that disagree neither can be called false. After so many rounds the slave follows its
/// master, so that the two do not stay apart for ever.
inline constexpr std::uint32_t kSplitRounds = 3;

/// A jump of this machine's clock that is smaller goes into the bounds, and is not worth another master.
inline constexpr Duration kJumpMin = std::chrono::milliseconds{1};

/// A clock's first correction steps it; later ones only slew. A clock that was measured far worse than usual
/// waits for a better measurement, but is corrected with this one at the latest.
inline constexpr std::size_t kFirstMeasurements = 3;

struct MemberVerdict {
    Member* member = nullptr;
    Duration offset{0};      ///< offset of the target clocks at the instant of the verdict
    Duration half_width{0};  ///< e_i, at measured_at
    RawTime measured_at{};   ///< member's raw time of the probe that e_i rests upon
    double freq_ppb = 0;     ///< oscillator relative to the master's
    double freq_stddev_ppb = 0;
    std::int64_t freq_correction_ppb = 0;
    Duration correction{0};
    Duration bound{0};           ///< to be handed down: e_i + a_master
    std::int64_t drift_ppb = 0;  ///< to be handed down: growth of the bound
    bool outlier = false;
    bool plausible = true;  ///< a clock that nobody has set right may show this time
    bool waits = false;     ///< waits for a better measurement; gets no correction in this round
    bool doubted = false;   ///< it jumped like others, so perhaps the master's clock did: it waits too
};

struct Verdict {
    RoundState state = RoundState::gathering;
    Duration average{0};
    bool correct = false;  ///< corrections are to be made
    bool self_outlier = false;
    Duration own_jump{0};  ///< of most members' clocks against the master's, which has jumped; 0: it has not
    /// How far cluster time may have jumped, where the master's clock did not know the time and took over
    /// the average of the clocks that do.
    Duration adopted_bound{0};
    Duration own_correction{0};
    std::int64_t own_freq_correction_ppb = 0;
    std::int64_t rate_ahead_ppb = 0;     ///< the rest of the change of rate that the ensemble asks for
    std::vector<MemberVerdict> members;  ///< those with a measurement in this round
};

/// `now`: the master's raw time. Judges each member by its `measurement`, `reply` and estimator, and updates
/// its falseticker hysteresis.
Verdict judge(Roster& roster, const Discipline& own, const VerdictOptions& options, RawTime now);

}  // namespace berkeley
