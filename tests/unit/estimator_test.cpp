// The estimator on simulated rounds: a slave's oscillator of known offset and rate, probes over a path with
// exponential queueing in both directions, combined as the master does.

#include "estimate/estimator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/prng.hpp"
#include "estimate/sample.hpp"

namespace berkeley {
namespace {

constexpr double kMicro = 1e3;
constexpr double kSecond = 1e9;

RawTime raw(double ns) { return from_ns<RawTime>(std::llround(ns)); }

/// A slave seen over a noisy path. Times in ns of the master.
class World {
public:
    World(std::uint64_t seed, double freq_ppb, double offset = 3e9)
        : prng_(seed), freq_(freq_ppb), offset_(offset) {}

    double offset(double t) const { return offset_ + freq_ * 1e-9 * t; }
    double freq() const { return freq_; }
    double now() const { return now_; }
    void jump(double by) { offset_ += by; }
    void wait(double ns) { now_ += ns; }
    void quiet() { jitter_ = 0; }

    /// Eight probes: 100 us and an exponential 100 us each way.
    Measurement round() {
        std::vector<Sample> samples;
        for (int i = 0; i < 8; ++i) {
            const double t1 = now_;
            const double t2 = t1 + delay();
            const double t3 = t2 + 20 * kMicro;
            const double t4 = t3 + delay();
            samples.push_back(*cristian({raw(t1), raw(t2 + offset(t2)), raw(t3 + offset(t3)), raw(t4)}));
            now_ = t4 + 10 * kMicro;
        }
        return *combine_burst(samples);
    }

private:
    double delay() { return 100 * kMicro + (jitter_ > 0 ? prng_.exponential(jitter_) : 0); }

    Prng prng_;
    double freq_;
    double offset_;
    double now_ = kSecond;
    double jitter_ = 100 * kMicro;
};

double error(const OffsetEstimator& estimator, const World& world) {
    const auto estimate = estimator.predict(raw(world.now()));
    return static_cast<double>(estimate->offset.count()) - world.offset(world.now());
}

void run(OffsetEstimator& estimator, World& world, int rounds, double interval) {
    for (int i = 0; i < rounds; ++i) {
        if (i > 0) world.wait(interval);
        estimator.update(world.round());
    }
}

struct Rms {
    double offset = 0;         ///< ns
    double freq = 0;           ///< ppb
    double offset_stddev = 0;  ///< as the filter believes
};

Rms after_forty_rounds(double interval) {
    constexpr int kSeeds = 300;
    Rms sum;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        World world(seed, Prng{seed}.uniform(-200'000, 200'000));
        OffsetEstimator estimator;
        run(estimator, world, 40, interval);
        const auto estimate = estimator.predict(raw(world.now()));
        sum.offset += std::pow(error(estimator, world), 2) / kSeeds;
        sum.freq += std::pow(estimate->freq_ppb - world.freq(), 2) / kSeeds;
        sum.offset_stddev += std::pow(estimate->offset_stddev_ns, 2) / kSeeds;
    }
    return {std::sqrt(sum.offset), std::sqrt(sum.freq), std::sqrt(sum.offset_stddev)};
}

TEST(Estimator, ConvergesInFortyRoundsOf250Milliseconds) {
    const Rms rms = after_forty_rounds(0.25 * kSecond);
    EXPECT_LT(rms.offset, 20 * kMicro);
    EXPECT_LT(rms.freq, 1'000.0);
}

TEST(Estimator, ConvergesInFortyRoundsOfOneSecond) {
    const Rms rms = after_forty_rounds(kSecond);
    EXPECT_LT(rms.offset, 20 * kMicro);
    EXPECT_LT(rms.freq, 1'000.0);
}

TEST(Estimator, TheDeviationThatItStatesIsTheDeviationThatItHas) {
    const Rms rms = after_forty_rounds(kSecond);
    EXPECT_LT(rms.offset, 1.5 * rms.offset_stddev);
    EXPECT_GT(rms.offset, rms.offset_stddev / 4);
}

TEST(Estimator, KnowsAJumpFromWhatDelaysAndDriftMayExplain) {
    World world(7, 20'000);
    OffsetEstimator estimator;
    constexpr std::int64_t kDrift = 50'000;
    EXPECT_EQ(estimator.jump(world.round(), kDrift), Duration{0}) << "there is nothing before it";
    for (int i = 0; i < 40; ++i) {
        const Measurement measured = world.round();
        EXPECT_EQ(estimator.jump(measured, kDrift), Duration{0}) << "round " << i;
        estimator.update(measured);
        world.wait(kSecond);
    }
    world.jump(100 * kMicro);
    EXPECT_EQ(estimator.jump(world.round(), kDrift), Duration{0}) << "one way may have become slower";
    world.jump(350e6);
    const Measurement measured = world.round();
    EXPECT_NEAR(static_cast<double>(estimator.jump(measured, kDrift).count()), 350e6, 1e6);
    EXPECT_FALSE(estimator.update(measured));
    world.wait(kSecond);
    EXPECT_GT(estimator.jump(world.round(), kDrift), Duration{0}) << "as long as nothing has confirmed it";
}

TEST(Estimator, ASingleOutlierIsRejectedAndForgotten) {
    World world(3, 40'000);
    OffsetEstimator estimator;
    run(estimator, world, 20, kSecond);
    world.wait(kSecond);
    Measurement outlier = world.round();
    const double before = error(estimator, world);
    outlier.offset += std::chrono::milliseconds{5};
    EXPECT_FALSE(estimator.update(outlier));
    EXPECT_NEAR(error(estimator, world), before, 1.0) << "a rejected measurement changes nothing";
    world.wait(kSecond);
    EXPECT_TRUE(estimator.update(world.round()));
    EXPECT_LT(std::abs(error(estimator, world)), 30 * kMicro);
}

TEST(Estimator, OutliersOnBothSidesInTurnAreAllRejected) {
    World world(4, 40'000);
    OffsetEstimator estimator;
    run(estimator, world, 20, kSecond);
    for (int i = 0; i < 6; ++i) {
        world.wait(kSecond);
        Measurement outlier = world.round();
        outlier.offset += std::chrono::milliseconds{i % 2 == 0 ? 5 : -5};
        EXPECT_FALSE(estimator.update(outlier)) << i;
    }
}

TEST(Estimator, ALastingJumpIsFollowedWithinThreeRounds) {
    for (const double jump : {2e6, -2e6, 5e9, -3.6e12, 86.4e12}) {
        World world(5, -20'000);
        OffsetEstimator estimator;
        run(estimator, world, 20, kSecond);
        world.jump(jump);
        for (int i = 0; i < 3; ++i) {
            world.wait(kSecond);
            estimator.update(world.round());
        }
        EXPECT_LT(std::abs(error(estimator, world)), 200 * kMicro) << "jump " << jump;
        run(estimator, world, 15, kSecond);
        world.wait(kSecond);
        estimator.update(world.round());
        EXPECT_LT(std::abs(error(estimator, world)), 50 * kMicro) << "jump " << jump;
        EXPECT_NEAR(estimator.predict(raw(world.now()))->freq_ppb, world.freq(), 5'000) << "jump " << jump;
    }
}

TEST(Estimator, OscillatorsOfFivePercentAreFollowed) {
    for (const double freq : {50e6, -50e6}) {
        for (const double interval : {0.25 * kSecond, kSecond}) {
            World world(6, freq);
            OffsetEstimator estimator;
            run(estimator, world, 40, interval);
            EXPECT_LT(std::abs(error(estimator, world)), 50 * kMicro) << freq;
            EXPECT_NEAR(estimator.predict(raw(world.now()))->freq_ppb, freq, 5'000);
        }
    }
}

TEST(Estimator, APriorFrequencyIsUsedFromTheFirstRound) {
    World world(7, 150'000);
    world.quiet();
    OffsetEstimator with;
    with.set_prior_frequency(150'000, 100, 400);
    OffsetEstimator without;
    const Measurement first = world.round();
    with.update(first);
    without.update(first);
    world.wait(10 * kSecond);
    // 150 ppm over 10 s make 1.5 ms for the one that does not know them.
    EXPECT_LT(std::abs(error(with, world)), 20 * kMicro);
    EXPECT_GT(std::abs(error(without, world)), 1'400 * kMicro);
    EXPECT_LT(with.predict(raw(world.now()))->offset_stddev_ns, 60 * kMicro);
    EXPECT_GT(without.predict(raw(world.now()))->offset_stddev_ns, 1'000 * kMicro);
}

TEST(Estimator, PredictsNothingBeforeTheFirstMeasurementAndAfterReset) {
    OffsetEstimator estimator;
    EXPECT_FALSE(estimator.predict(raw(0)));
    EXPECT_EQ(estimator.delay_floor(), Duration{0});
    World world(8, 0);
    estimator.update(world.round());
    EXPECT_TRUE(estimator.predict(raw(world.now())));
    EXPECT_GE(estimator.delay_floor(), Duration{200'000});
    estimator.reset();
    EXPECT_FALSE(estimator.predict(raw(world.now())));
    EXPECT_EQ(estimator.delay_floor(), Duration{0});
}

TEST(Estimator, TheDelayFloorSlidesOverItsWindow) {
    OffsetEstimator estimator(EstimatorOptions{.floor_window = 4});
    auto feed = [&, t = std::int64_t{0}](std::int64_t delay) mutable {
        t += 1'000'000'000;
        estimator.update(
            {from_ns<RawTime>(t), Duration{0}, Duration{delay + 50}, {{}, {}, Duration{delay}}, 8});
    };
    feed(100'000);
    feed(300'000);
    EXPECT_EQ(estimator.delay_floor(), Duration{100'000});
    for (int i = 0; i < 4; ++i) feed(200'000);
    EXPECT_EQ(estimator.delay_floor(), Duration{200'000});
}

TEST(Estimator, OffsetsOfDecadesKeepTheirNanoseconds) {
    const double decades = 2e18;
    OffsetEstimator estimator;
    const Duration offset{static_cast<std::int64_t>(decades) + 123};
    for (int i = 1; i <= 10; ++i) {
        estimator.update({raw(i * kSecond), offset, Duration{100'000}, {{}, {}, Duration{100'000}}, 8});
    }
    EXPECT_NEAR(static_cast<double>((estimator.predict(raw(10 * kSecond))->offset - offset).count()), 0, 2);
}

TEST(Estimator, HostileMeasurementsLeaveFiniteNumbers) {
    constexpr std::uint64_t kSeed = 9;
    Prng prng(kSeed);
    OffsetEstimator estimator;
    const auto anything = [&](std::int64_t limit) {
        return static_cast<std::int64_t>(prng.below(2 * static_cast<std::uint64_t>(limit))) - limit;
    };
    for (int i = 0; i < 10'000; ++i) {
        const Duration delay{std::abs(anything(std::int64_t{1} << 61))};
        const bool ordered = prng.chance(0.5);
        const RawTime at = from_ns<RawTime>(ordered ? i * 1'000'000'000LL : anything(kRawTimeMax));
        estimator.update({at, Duration{anything(std::int64_t{1} << 62)}, delay, {{}, {}, delay / 2}, 8});
        const auto estimate = estimator.predict(from_ns<RawTime>(anything(kRawTimeMax)));
        ASSERT_TRUE(estimate);
        ASSERT_TRUE(std::isfinite(estimate->freq_ppb)) << "seed " << kSeed << ", step " << i;
        ASSERT_TRUE(std::isfinite(estimate->offset_stddev_ns)) << "seed " << kSeed << ", step " << i;
        ASSERT_TRUE(std::isfinite(estimate->freq_stddev_ppb)) << "seed " << kSeed << ", step " << i;
    }
}

/// As on a machine whose CPUs must be woken: slow on both ways alike, and now and then one probe that is fast
/// on one way only, so fast in all, and off by what the other way took longer.
TEST(Estimator, ALuckyProbeThatTheOthersDenyDoesNotCarryItAway) {
    OffsetEstimator estimator;
    const auto measure = [](double t, double offset, double delay, double disagreement) {
        Measurement m;
        m.at = raw(t);
        m.offset = Duration{std::llround(offset)};
        m.delay = Duration{std::llround(delay)};
        m.tightest = {m.at, m.offset, m.delay};
        m.samples = 8;
        m.disagreement = Duration{std::llround(disagreement)};
        return m;
    };
    double t = kSecond;
    for (int i = 0; i < 200; ++i, t += kSecond / 4) {
        estimator.update(measure(t, i % 2 == 0 ? 1 * kMicro : -1 * kMicro, 120 * kMicro, 1 * kMicro));
    }
    estimator.update(measure(t, 15 * kMicro, 60 * kMicro, 16 * kMicro));
    const auto estimate = estimator.predict(raw(t));
    ASSERT_TRUE(estimate);
    EXPECT_LT(std::abs(static_cast<double>(estimate->offset.count())), 0.7 * kMicro);
}

TEST(Estimator, AClockThatJumpsIsNotTakenForOneThatRunsFast) {
    World world(5, 20'000);
    world.quiet();
    OffsetEstimator estimator;
    for (int i = 0; i < 60; ++i, world.wait(kSecond)) estimator.update(world.round());
    world.jump(10'000 * kMicro);
    for (int i = 0; i < 2; ++i, world.wait(kSecond)) estimator.update(world.round());
    EXPECT_LT(std::abs(error(estimator, world)), 100 * kMicro);
    EXPECT_NEAR(estimator.predict(raw(world.now()))->freq_ppb, 20'000, 50'000)
        << "10 ms in a second would be 1e7";
}

TEST(Estimator, WhatIsKnownOfAFrequencyIsNotForgottenForACoarserMeasurement) {
    OffsetEstimator estimator;
    for (int i = 0; i < 2; ++i) {
        Measurement m;
        m.at = raw(kSecond * (1 + i * 0.25));
        m.delay = std::chrono::milliseconds{80};
        m.tightest = {m.at, m.offset, m.delay};
        m.samples = 1;
        estimator.update(m);
    }
    // Two round trips of 80 ms a quarter of a second apart allow for a third; 800 ppm were known before.
    EXPECT_LT(estimator.predict(raw(2 * kSecond))->freq_bound_ppb, 1.7e6);
}

}  // namespace
}  // namespace berkeley
