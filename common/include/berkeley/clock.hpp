// C++17 wrapper of berkeley/clock.h, header-only: a context that closes itself, and chrono durations.
//
// Thread-safety as in clock.h: one SharedClock may be read by any number of threads. Construction and
// now() throw ClockError; try_now() does not throw.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "berkeley/clock.h"

namespace berkeley {

class ClockError : public std::runtime_error {
public:
    explicit ClockError(int code) : std::runtime_error(berkeley_clock_strerror(code)), code_(code) {}
    ClockError(int code, const std::string& path)
        : std::runtime_error(path + ": " + berkeley_clock_strerror(code)), code_(code) {}

    /// enum berkeley_clock_error.
    int code() const noexcept { return code_; }

private:
    int code_;
};

/// A reading: cluster time lies in [earliest, latest], as nanoseconds since 1970 by convention.
struct ClockInterval : berkeley_clock_interval {
    using nanoseconds = std::chrono::nanoseconds;

    nanoseconds now() const noexcept { return nanoseconds{now_ns}; }
    nanoseconds earliest() const noexcept { return nanoseconds{earliest_ns}; }
    nanoseconds latest() const noexcept { return nanoseconds{latest_ns}; }

    bool synchronized() const noexcept { return status == BERKELEY_CLOCK_SYNCHRONIZED; }
    /// Whether the interval is a promise.
    bool bounded() const noexcept { return synchronized() || status == BERKELEY_CLOCK_HOLDOVER; }

    /// Certainly before (after) the other; intervals that overlap are neither.
    bool before(const ClockInterval& other) const noexcept {
        return berkeley_clock_before(this, &other) != 0;
    }
    bool after(const ClockInterval& other) const noexcept { return berkeley_clock_after(this, &other) != 0; }
};

class SharedClock {
public:
    explicit SharedClock(const std::string& path) {
        berkeley_clock* clock = nullptr;
        const int error = berkeley_clock_open(path.c_str(), &clock);
        if (error != BERKELEY_CLOCK_OK) throw ClockError(error, path);
        clock_.reset(clock);
    }

    ClockInterval now() const {
        ClockInterval interval{};
        const int error = try_now(interval);
        if (error != BERKELEY_CLOCK_OK) throw ClockError(error);
        return interval;
    }

    /// enum berkeley_clock_error; on failure the interval is unbounded and UNSYNCHRONIZED.
    [[nodiscard]] int try_now(ClockInterval& interval) const noexcept {
        return berkeley_clock_now(clock_.get(), &interval);
    }

    /// Commit-wait: returns once cluster time is certainly later than `time`.
    void wait_until_past(std::chrono::nanoseconds time) const {
        const int error = berkeley_clock_wait_until_past(clock_.get(), time.count());
        if (error != BERKELEY_CLOCK_OK) throw ClockError(error);
    }

private:
    struct Close {
        void operator()(berkeley_clock* clock) const noexcept { berkeley_clock_close(clock); }
    };
    std::unique_ptr<berkeley_clock, Close> clock_;
};

}  // namespace berkeley
