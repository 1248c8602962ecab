// FakeKernel: CLOCK_REALTIME as the kernel keeps it: an oscillator with an error of its own, a frequency and
// a tick that a program sets, and what it tells of its quality. Tests move its time by hand.
#pragma once

#include <cerrno>
#include <cmath>
#include <cstdint>

#include "os/system_clock.hpp"

namespace berkeley::testing {

inline constexpr std::int64_t kKernelEpoch = 1'767'225'600'000'000'000;

class FakeKernel final : public SystemClockCalls {
public:
    FakeKernel() {
        kept.tick = 10'000;
        kept.status = STA_UNSYNC;
        kept.maxerror = kept.esterror = 16'000'000;
    }

    int adjust(timex& request) override {
        if (refuse != 0 && (request.modes != 0 || refuse != EPERM)) return refuse;
        if (refuse_tick && (request.modes & ADJ_TICK) != 0U) return EINVAL;
        advance();
        if (request.modes != 0) ++changes;
        if ((request.modes & ADJ_SETOFFSET) != 0U) {
            ++steps;
            const auto unit = (request.modes & ADJ_NANO) != 0U ? 1 : 1000;
            realtime_ += static_cast<double>(request.time.tv_sec) * 1e9 +
                         static_cast<double>(request.time.tv_usec) * unit;
            kept.status |= STA_UNSYNC | STA_NANO;
            kept.maxerror = kept.esterror = 16'000'000;
        }
        if ((request.modes & ADJ_FREQUENCY) != 0U) kept.freq = request.freq;
        if ((request.modes & ADJ_TICK) != 0U) kept.tick = request.tick;
        if ((request.modes & ADJ_STATUS) != 0U) kept.status = request.status | (kept.status & STA_NANO);
        if ((request.modes & ADJ_MAXERROR) != 0U) kept.maxerror = request.maxerror;
        if ((request.modes & ADJ_ESTERROR) != 0U) kept.esterror = request.esterror;
        const auto modes = request.modes;
        request = kept;
        request.modes = modes;
        return 0;
    }
    std::int64_t realtime_ns() override {
        advance();
        return kKernelEpoch + std::llround(realtime_);
    }
    TrueTime true_now() override { return from_ns<TrueTime>(now); }

    /// As somebody else does it with `date -s`.
    void move(std::int64_t ns) { realtime_ += static_cast<double>(ns); }
    double freq_ppm() const { return static_cast<double>(kept.freq) / 65536.0; }

    std::int64_t now = 0;
    double own_error_ppm = 0;
    timex kept{};
    int refuse = 0;
    bool refuse_tick = false;
    int steps = 0;
    int changes = 0;

private:
    void advance() {
        const double tick_ppm = static_cast<double>(kept.tick - 10'000) * 100;
        realtime_ +=
            static_cast<double>(now - seen_) * (1.0 + (own_error_ppm + freq_ppm() + tick_ppm) * 1e-6);
        seen_ = now;
    }
    std::int64_t seen_ = 0;
    double realtime_ = 0;
};

}  // namespace berkeley::testing
