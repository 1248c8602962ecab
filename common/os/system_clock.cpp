#include "os/system_clock.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include "os/os_clock.hpp"

namespace berkeley {

namespace {

constexpr double kFrequencyMaxPpm = 500;
/// The kernel counts frequency in 2^-16 ppm.
constexpr double kScaledPpm = 65536;
/// The kernel allows a tick that is a tenth longer or shorter.
constexpr double kTickMaxPpm = 100'000;
/// The kernel takes a clock with this error for unsynchronised.
constexpr std::int64_t kErrorMaxUs = 16'000'000;
/// Observations tried; the one with the narrowest bracket was not interrupted.
constexpr int kObservations = 5;
/// The kernel rounds a frequency that it keeps.
constexpr long kFrequencyGrain = 2;
/// Whoever sets one of these steers the clock. STA_UNSYNC is not among them: the kernel sets it by itself.
constexpr int kSteering = STA_PLL | STA_FLL | STA_PPSFREQ | STA_PPSTIME | STA_FREQHOLD;

Result<void> explain(int error) {
    if (error == 0) return {};
    if (error == EPERM)
        return failure(
            "--clock system needs the capability CAP_SYS_TIME: grant it, or choose --clock virtual");
    return failure(fmt::format("--clock system: clock_adjtime: {}", std::generic_category().message(error)));
}

/// Rounded up: a bound stays a bound.
std::int64_t microseconds_of(Duration duration) {
    const auto up = std::chrono::ceil<std::chrono::microseconds>(
        std::min<Duration>(std::chrono::abs(duration), std::chrono::microseconds{kErrorMaxUs}));
    return up.count();
}

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

ClockObservation observe_clocks(SystemClockCalls& calls) {
    ClockObservation best;
    Duration narrowest = Duration::max();
    for (int i = 0; i < kObservations; ++i) {
        const TrueTime before = calls.true_now();
        const std::int64_t realtime = calls.realtime_ns();
        const TrueTime after = calls.true_now();
        if (after - before >= narrowest) continue;
        narrowest = after - before;
        best = {before + narrowest / 2, realtime, narrowest};
    }
    return best;
}

/// A change of our own, after which we know what the kernel keeps.
int SystemClock::adjust(timex& request) {
    const int error = calls_.adjust(request);
    if (error == 0) known_ = request;
    return error;
}

Result<timex> SystemClock::look() const {
    timex now{};
    if (const auto read = explain(calls_.adjust(now)); !read) return failure(read.error());
    return now;
}

Result<void> SystemClock::begin() {
    const auto found = look();
    if (!found) return failure(found.error());
    found_ = *found;
    // The least that shows whether we may set the clock: nobody steers by the estimated error.
    timex request{};
    request.modes = ADJ_ESTERROR;
    request.esterror = options_.mark;
    if (const auto allowed = explain(adjust(request)); !allowed) return allowed;
    begun_ = true;
    return {};
}

KernelMark SystemClock::mark() const { return {known_.freq, known_.tick, known_.esterror}; }

Result<void> SystemClock::take_over() {
    // The kernel's phase-locked loop and pulse-per-second discipline would steer against us, and a tick left
    // by another daemon would be a constant error of the rate.
    timex request{};
    request.modes = ADJ_STATUS;
    request.status = STA_UNSYNC;
    if (auto set = explain(adjust(request)); !set) return set;
    owned_ = true;
    if (known_.tick == options_.nominal_tick) return {};
    request = {};
    request.modes = ADJ_TICK;
    request.tick = options_.nominal_tick;
    if (adjust(request) != 0) tick_refused_ = true;
    return {};
}

Result<void> SystemClock::step(Duration by) {
    timex request{};
    request.modes = ADJ_SETOFFSET | ADJ_NANO;
    const auto whole = std::chrono::floor<std::chrono::seconds>(by);
    request.time.tv_sec = whole.count();
    request.time.tv_usec = (by - whole).count();  // nanoseconds, by ADJ_NANO; never negative
    return explain(adjust(request));
}

Result<void> SystemClock::set_frequency(double ppm, Report& report) {
    const double tick_ppm = 1e6 / static_cast<double>(options_.nominal_tick);
    const double allowed = std::clamp(ppm, -kTickMaxPpm, kTickMaxPpm);
    // Within the reach of the frequency alone the tick stays nominal.
    const double ticks = std::abs(allowed) > kFrequencyMaxPpm ? std::round(allowed / tick_ppm) : 0;
    const long tick = options_.nominal_tick + std::lround(ticks);
    if (tick != known_.tick && !tick_refused_) {
        timex request{};
        request.modes = ADJ_TICK | ADJ_FREQUENCY;
        request.tick = tick;
        request.freq = std::lround((allowed - ticks * tick_ppm) * kScaledPpm);
        if (adjust(request) == 0) return {};
        tick_refused_ = true;
        report.tick_refused = true;
    }
    const double by_tick = static_cast<double>(known_.tick - options_.nominal_tick) * tick_ppm;
    timex request{};
    request.modes = ADJ_FREQUENCY;
    request.freq =
        std::lround(std::clamp(allowed - by_tick, -kFrequencyMaxPpm, kFrequencyMaxPpm) * kScaledPpm);
    return explain(adjust(request));
}

Result<void> SystemClock::set_status_and_errors(const Node& node, const ServoPlan& plan) {
    timex request{};
    request.modes = ADJ_MAXERROR | ADJ_ESTERROR;
    request.maxerror =
        node.trusted ? microseconds_of(node.bound + std::chrono::abs(plan.residual)) : kErrorMaxUs;
    request.esterror = node.trusted ? microseconds_of(plan.deviation) : kErrorMaxUs;
    const int wanted = options_.claim_sync && node.trusted ? 0 : STA_UNSYNC;
    if (((known_.status ^ wanted) & (STA_UNSYNC | kSteering)) != 0) {
        request.modes |= ADJ_STATUS;
        request.status = wanted;
    }
    return explain(adjust(request));
}

/// Compares the kernel with what we left there, or, before the take-over, with what we found.
std::string SystemClock::find_rival() {
    timex now{};
    if (calls_.adjust(now) != 0) return {};
    const timex before = std::exchange(known_, now);
    if (std::abs(now.freq - before.freq) > kFrequencyGrain) {
        return fmt::format("its frequency is {:.3f} ppm, and was {:.3f} ppm",
                           static_cast<double>(now.freq) / kScaledPpm,
                           static_cast<double>(before.freq) / kScaledPpm);
    }
    if (now.tick != before.tick)
        return fmt::format("its tick is {} us, and was {} us", now.tick, before.tick);
    if ((now.status & ~before.status & kSteering) != 0 || (before.status & ~now.status & STA_UNSYNC) != 0) {
        return fmt::format("its status is {:#x}, and was {:#x}", now.status, before.status);
    }
    return {};
}

Result<SystemClock::Report> SystemClock::update(const Node& node) {
    Report report;
    report.rival = find_rival();
    if (!report.rival.empty()) servo_.forget_rate_window();
    report.next = calls_.true_now() + options_.servo.update_every;
    if (!node.trusted && !servo_.followed()) return report;
    if (!owned_) {
        if (auto taken = take_over(); !taken) return failure(taken.error());
    }
    ClockObservation seen = observe_clocks(calls_);
    ServoPlan plan =
        node.trusted ? servo_.follow(seen, node.map, node.jumps) : servo_.coast(seen, node.jumps);
    report.residual = node.trusted
                          ? plan.residual
                          : node.map.cluster(seen.at).time_since_epoch() - Duration{seen.realtime_ns};
    report.moved = plan.moved;
    if (plan.step) {
        report.stepped = *plan.step;
        if (auto stepped = step(*plan.step); !stepped) return failure(stepped.error());
        seen = observe_clocks(calls_);
        plan = servo_.follow(seen, node.map, node.jumps);
    }
    if (auto set = set_frequency(plan.frequency_ppm, report); !set) return failure(set.error());
    report.frequency_ppm = static_cast<double>(known_.freq) / kScaledPpm +
                           static_cast<double>(known_.tick - options_.nominal_tick) * 1e6 /
                               static_cast<double>(options_.nominal_tick);
    servo_.applied(report.frequency_ppm);
    report.plain_ppm = plan.plain_ppm;
    report.limited = plan.pull_limited || std::abs(report.frequency_ppm - plan.frequency_ppm) > 1;
    report.next = plan.next;
    if (auto set = set_status_and_errors(node, plan); !set) return failure(set.error());
    return report;
}

void SystemClock::release() {
    if (!std::exchange(begun_, false)) return;
    if (!std::exchange(owned_, false)) {
        timex request{};
        request.modes = ADJ_ESTERROR;
        request.esterror = found_.esterror;
        static_cast<void>(calls_.adjust(request));
        return;
    }
    Report ignored;
    static_cast<void>(set_frequency(
        servo_.followed() ? servo_.plain_ppm() : static_cast<double>(found_.freq) / kScaledPpm, ignored));
    // Nobody keeps the clock from now on, and the next program that wants to need not wonder.
    timex request{};
    request.modes = ADJ_STATUS;
    request.status = STA_UNSYNC;
    static_cast<void>(calls_.adjust(request));
}

}  // namespace berkeley
