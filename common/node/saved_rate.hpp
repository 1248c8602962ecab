// What a node makes of its oscillator's rate: the saved one at its start, and one that is beyond --max-drift.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "discipline/discipline.hpp"
#include "os/oscillator.hpp"
#include "protocol/events.hpp"
#include "state/saved_state.hpp"

namespace berkeley {

/// The rate to start with. One that was learnt elsewhere is not used: certain but wrong, it would carry the
/// clock out of its bound. After another boot of the same machine it may be off by max_drift more.
SavedRate usable_rate(const Learned& learned, const Oscillator& here, std::int64_t max_drift_ppb);

/// Tells where this machine's oscillator is beyond --max-drift, which every error bound relies on.
/// Not thread-safe.
class DriftWatch {
public:
    /// A rate is what it seems to be once it has been so for this long.
    static constexpr Duration kPatience = std::chrono::seconds{10};

    explicit DriftWatch(std::int64_t max_drift_ppb) : max_drift_ppb_(max_drift_ppb) {}

    /// `rate_ppb`: what the clock adds to its oscillator to follow the cluster.
    std::optional<NoteEvent> look(std::int64_t rate_ppb, bool trusted, TrueTime now);

private:
    std::int64_t max_drift_ppb_;
    std::optional<TrueTime> changed_at_;  ///< since when what is seen differs from what was told
    bool told_ = false;
};

}  // namespace berkeley
