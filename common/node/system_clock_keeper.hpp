// SystemClockKeeper: has the machine's clock follow a node's clock, for `--clock system`, and tells people of
// it.
//
// It refuses to start beside a rival. It updates once a second, at the end of a slew, and right after each
// correction. A node whose system clock is farther off than its error bound for 10 s is not SYNCHRONIZED to
// its readers. At its end the kernel keeps the plain frequency. For the loop's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "os/os_clock.hpp"
#include "os/system_clock.hpp"
#include "os/system_clock_lock.hpp"
#include "protocol/actions.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

class SystemClockKeeper {
public:
    /// Where it looks for rivals; tests have places of their own.
    struct Places {
        std::vector<std::string> locks = SystemClockLock::usual_paths();
        std::string proc = "/proc";
    };

    /// The error is one line. `notes` are for people. `mark` is a random number.
    [[nodiscard]] static Result<std::unique_ptr<SystemClockKeeper>> start(
        const NodeOptions& options, std::unique_ptr<SystemClockCalls> calls, const Places& places,
        std::uint64_t mark, std::vector<NoteEvent>& notes);

    /// When to update, at the latest.
    TrueTime due() const { return due_; }
    /// CLOCK_REALTIME was set: look at it now.
    void hurry() { due_ = TrueTime::min(); }
    void update(SlaveCore& slave, const OsClock& clock, Actions& out);
    /// The node ends.
    void release() { system_.release(); }

    /// A system clock that is off for so long is told.
    static constexpr Duration kAstrayAfter = std::chrono::seconds{10};

private:
    SystemClockKeeper(std::unique_ptr<SystemClockCalls> calls, const SystemClock::Options& options)
        : calls_(std::move(calls)), system_(*calls_, options) {}
    void tell(const SystemClock::Report& report, Actions& out);
    void judge(SlaveCore& slave, std::optional<Duration> residual, Duration bound, Actions& out);

    std::unique_ptr<SystemClockCalls> calls_;
    SystemClock system_;
    SystemClockLock lock_;
    TrueTime due_{};
    TrueTime told_at_ = TrueTime::min();
    TrueTime rival_told_at_ = TrueTime::min();
    std::uint64_t rivals_ = 0;
    bool followed_ = false;
    std::optional<TrueTime> off_since_;
    bool astray_ = false;
};

}  // namespace berkeley
