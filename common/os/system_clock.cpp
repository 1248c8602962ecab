#include "os/system_clock.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>

#include "os/os_clock.hpp"

namespace berkeley {

namespace {

constexpr double kFrequencyMaxPpm = 500;
/// The kernel counts frequency in 2^-16 ppm.
constexpr double kScaledPpm = 65536;
/// The integral stands in for unknown rates only; an oscillator is never that far off the kernel's idea of
/// it.
constexpr double kIntegralMaxPpm = 200;
constexpr double kIntegralShare = 1.0 / 8;
/// Updates per time constant: more, and the servo would answer its own noise.
constexpr int kUpdatesPerConstant = 4;
/// Observations tried; the one with the narrowest bracket was not interrupted.
constexpr int kObservations = 5;
/// After a longer silence the residual says nothing about the rate.
constexpr Duration kGapMax = std::chrono::seconds{64};

Result<void> explain(int error) {
    if (error == 0) return {};
    if (error == EPERM)
        return failure(
            "--clock system needs the capability CAP_SYS_TIME: grant it, or choose --clock virtual");
    return failure(fmt::format("--clock system: clock_adjtime: {}", std::generic_category().message(error)));
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

int LinuxSystemClock::adjust(timex& request) {
    return ::clock_adjtime(CLOCK_REALTIME, &request) < 0 ? errno : 0;
}

std::int64_t LinuxSystemClock::realtime_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TrueTime LinuxSystemClock::true_now() { return berkeley::true_now(); }

void SystemClockFollower::restart() {
    cold_ = true;
    updated_ = false;
}

SystemClockFollower::Observation SystemClockFollower::observe(const TrueMap& map) {
    Observation best;
    Duration narrowest = Duration::max();
    for (int i = 0; i < kObservations; ++i) {
        const TrueTime before = calls_.true_now();
        const std::int64_t realtime = calls_.realtime_ns();
        const TrueTime after = calls_.true_now();
        if (after - before >= narrowest) continue;
        narrowest = after - before;
        best.at = before + narrowest / 2;
        best.residual = map.cluster(best.at).time_since_epoch() - Duration{realtime};
    }
    return best;
}

/// The frequency in ppm that leads CLOCK_REALTIME toward the map.
double SystemClockFollower::steer(const Observation& seen, double map_ppm) {
    const Duration since = updated_ ? seen.at - last_ : Duration{0};
    const Duration constant = std::max(options_.time_constant_min, since * kUpdatesPerConstant);
    const double proportional_ppm = seconds(seen.residual) / seconds(constant) * 1e6;
    const double wanted = map_ppm + integral_ppm_ + proportional_ppm;
    // No winding up: while the output is limited, the residual is no news about the rate.
    if (std::abs(wanted) < kFrequencyMaxPpm && since < kGapMax) {
        integral_ppm_ += proportional_ppm * kIntegralShare * seconds(since) / seconds(constant);
        integral_ppm_ = std::clamp(integral_ppm_, -kIntegralMaxPpm, kIntegralMaxPpm);
    }
    return wanted;
}

Result<void> SystemClockFollower::take_over() {
    // The kernel's phase-locked loop and pulse-per-second discipline would steer against us, and a tick
    // left by another daemon would be a constant error of the rate. STA_UNSYNC: no claim of UTC, and the
    // kernel does not write our time to the hardware clock.
    timex request{};
    request.modes = ADJ_STATUS | ADJ_TICK | ADJ_FREQUENCY;
    request.status = STA_UNSYNC;
    request.tick = 1'000'000 / ::sysconf(_SC_CLK_TCK);
    request.freq = 0;
    return explain(calls_.adjust(request));
}

Result<void> SystemClockFollower::step(Duration by) {
    timex request{};
    request.modes = ADJ_SETOFFSET | ADJ_NANO;
    const auto whole = std::chrono::floor<std::chrono::seconds>(by);
    request.time.tv_sec = whole.count();
    request.time.tv_usec = (by - whole).count();  // nanoseconds, by ADJ_NANO; never negative
    return explain(calls_.adjust(request));
}

Result<void> SystemClockFollower::set_frequency(double ppm) {
    timex request{};
    request.modes = ADJ_FREQUENCY;
    request.freq = std::lround(ppm * kScaledPpm);
    return explain(calls_.adjust(request));
}

Result<SystemClockFollower::Report> SystemClockFollower::update(const TrueMap& map) {
    if (!owned_) {
        if (auto taken = take_over(); !taken) return failure(taken.error());
        owned_ = true;
    }
    Report report;
    Observation seen = observe(map);
    report.residual = seen.residual;
    if (cold_ && std::chrono::abs(seen.residual) >= options_.step_min) {
        if (auto stepped = step(seen.residual); !stepped) return failure(stepped.error());
        report.stepped = true;
        seen = observe(map);
    }
    cold_ = false;
    const double wanted = steer(seen, map.rate_at(seen.at).ppb() / 1e3);
    report.freq_ppm = std::clamp(wanted, -kFrequencyMaxPpm, kFrequencyMaxPpm);
    report.limited = report.freq_ppm != wanted;
    last_ = seen.at;
    updated_ = true;
    if (auto set = set_frequency(report.freq_ppm); !set) return failure(set.error());
    return report;
}

}  // namespace berkeley
