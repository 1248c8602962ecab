// C++17 wrapper of berkeley/clock.h, header-only: a context that closes itself, and chrono durations.
//
// Thread-safety and promises as in clock.h: one SharedClock may be read by any number of threads. Everything
// throws ClockError but try_now() and wait_synchronized(), which returns false at the end of its time.
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

    /// Certainly before (after) the other; intervals that overlap are neither, nor are those of two terms
    /// where one was taken in HOLDOVER.
    bool before(const ClockInterval& other) const noexcept {
        return berkeley_clock_before(this, &other) != 0;
    }
    bool after(const ClockInterval& other) const noexcept { return berkeley_clock_after(this, &other) != 0; }
};

/// Whether what is waited for may be true of the clock's own term only; see berkeley/clock.h.
enum class Holdover : unsigned { refused = 0, allowed = BERKELEY_CLOCK_ALLOW_HOLDOVER };

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
        check(try_now(interval));
        return interval;
    }

    /// enum berkeley_clock_error; on failure the interval is unbounded and UNSYNCHRONIZED.
    [[nodiscard]] int try_now(ClockInterval& interval) const noexcept {
        return berkeley_clock_now(clock_.get(), &interval);
    }

    /// A reading with all that the page tells.
    berkeley_clock_reading read() const {
        berkeley_clock_reading reading{};
        check(berkeley_clock_read(clock_.get(), &reading, sizeof reading));
        return reading;
    }

    /// Cluster time at a past stamp of CLOCK_MONOTONIC_RAW or CLOCK_REALTIME.
    ClockInterval at(int clock_id, std::chrono::nanoseconds stamp) const {
        ClockInterval interval{};
        check(berkeley_clock_at(clock_.get(), clock_id, stamp.count(), &interval));
        return interval;
    }

    /// Commit-wait: returns once cluster time is certainly later than `time`.
    void wait_until_past(std::chrono::nanoseconds time, Holdover holdover = Holdover::refused) const {
        check(berkeley_clock_commit_wait(clock_.get(), time.count(), static_cast<unsigned>(holdover)));
    }

    /// Sleeps until this node's clock reads `time`.
    void sleep_until(std::chrono::nanoseconds time, Holdover holdover = Holdover::refused) const {
        check(berkeley_clock_sleep_until(clock_.get(), time.count(), static_cast<unsigned>(holdover)));
    }

    /// Whether the clock became SYNCHRONIZED, within +-bound (0: any), before the timeout (negative: none).
    bool wait_synchronized(std::chrono::nanoseconds bound, std::chrono::nanoseconds timeout) const {
        const int error = berkeley_clock_wait_synchronized(clock_.get(), bound.count(), timeout.count());
        if (error == BERKELEY_CLOCK_ERR_TIMEOUT) return false;
        check(error);
        return true;
    }

private:
    static void check(int error) {
        if (error != BERKELEY_CLOCK_OK) throw ClockError(error);
    }

    struct Close {
        void operator()(berkeley_clock* clock) const noexcept { berkeley_clock_close(clock); }
    };
    std::unique_ptr<berkeley_clock, Close> clock_;
};

}  // namespace berkeley
