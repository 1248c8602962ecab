#include "sim/oscillator.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace berkeley::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TrueTime at(Duration d) { return TrueTime{} + d; }
std::int64_t gained(Oscillator& oscillator, Duration when) {
    return (oscillator.raw(at(when)).time_since_epoch() - when).count();
}

TEST(Oscillator, ConstantErrorGainsItsPartsPerMillion) {
    Oscillator oscillator({.ppm = -37}, Duration{0}, 1);
    EXPECT_NEAR(static_cast<double>(gained(oscillator, seconds{1})), -37'000, 1);
    EXPECT_NEAR(static_cast<double>(gained(oscillator, hours{1})), -37'000.0 * 3600, 40);
}

TEST(Oscillator, WanderIsARandomWalkOfTheFrequency) {
    // After t seconds the frequency deviates by wander * sqrt(t): over many oscillators.
    double squares = 0;
    constexpr int kOscillators = 400;
    for (int i = 0; i < kOscillators; ++i) {
        Oscillator oscillator({.wander_ppb = 2}, Duration{0}, static_cast<std::uint64_t>(i));
        const auto before = gained(oscillator, seconds{100});
        const double ppb = static_cast<double>(gained(oscillator, seconds{101}) - before);
        squares += ppb * ppb;
    }
    EXPECT_NEAR(std::sqrt(squares / kOscillators), 2 * std::sqrt(100.0), 2.0);
}

TEST(Oscillator, FrequencyStepTakesEffectAtItsInstant) {
    Oscillator oscillator({.steps = {{at(seconds{10}), 1000}}}, Duration{0}, 1);
    EXPECT_EQ(gained(oscillator, seconds{10}), 0);
    EXPECT_NEAR(static_cast<double>(gained(oscillator, seconds{12})), 2000, 2);
}

TEST(Oscillator, SineSwingsAndComesBack) {
    Oscillator oscillator({.sine_ppb = 1000, .sine_period = seconds{100}}, Duration{0}, 1);
    const auto quarter = gained(oscillator, seconds{50});
    EXPECT_NEAR(static_cast<double>(quarter), 1000 * 100 / 3.14159265, 100);
    EXPECT_NEAR(static_cast<double>(gained(oscillator, seconds{100})), 0, 100);
}

TEST(Oscillator, StandsStillWhileSuspendedAndGoesOnWithoutAJump) {
    Oscillator oscillator({}, Duration{5}, 1);
    const RawTime before = oscillator.raw(at(seconds{1}));
    oscillator.suspend(at(seconds{1}), at(seconds{4}));
    EXPECT_EQ(oscillator.raw(at(seconds{2})), before);
    EXPECT_EQ(oscillator.stood_still(at(seconds{2})), seconds{1});
    EXPECT_EQ(oscillator.raw(at(seconds{5})), before + seconds{1});
    EXPECT_EQ(oscillator.stood_still(at(seconds{9})), seconds{3});
}

TEST(Oscillator, NeverRunsBackwardAndWhenIsTheInverse) {
    Prng prng(3);
    Oscillator oscillator({.ppm = 80, .wander_ppb = 500, .sine_ppb = 3000, .sine_period = seconds{7}},
                          Duration{0}, 9);
    Duration now{0};
    RawTime last = oscillator.raw(at(now));
    for (int i = 0; i < 20'000; ++i) {
        const RawTime ahead = last + Duration{static_cast<std::int64_t>(prng.below(50'000'000))};
        const TrueTime when = oscillator.when(ahead, at(now));
        ASSERT_GE(when, at(now));
        now = when.time_since_epoch();
        const RawTime raw = oscillator.raw(when);
        ASSERT_GE(raw, last);
        // The rate may change in between; it changes by a few ppm at most.
        ASSERT_NEAR(static_cast<double>((raw - ahead).count()), 0, 400);
        last = raw;
    }
}

}  // namespace
}  // namespace berkeley::sim
