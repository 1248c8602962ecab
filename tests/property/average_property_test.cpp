// What the fault-tolerant average promises, on random rounds of our own generator: a failing seed is printed, and
// kFirstSeed set to it repeats it at once.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/prng.hpp"
#include "estimate/average.hpp"

namespace berkeley {
namespace {

constexpr std::uint64_t kFirstSeed = 1;
constexpr std::uint64_t kRounds = 100'000;

std::int64_t between(Prng& prng, std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(high - low) + 1));
}
std::size_t faults_borne(std::size_t n) { return std::max<std::size_t>(1, (n - 1) / 3); }

struct Scene {
    std::vector<Contribution> members;
    std::vector<bool> liar;
    std::int64_t truth = 0;  ///< in every honest interval
    Duration honest_low{std::numeric_limits<std::int64_t>::max()};   ///< least left end of an honest interval
    Duration honest_high{std::numeric_limits<std::int64_t>::min()};  ///< greatest right end
    Duration offset_low = honest_low;    ///< of the honest offsets
    Duration offset_high = honest_high;
};

/// Up to f liars, anywhere: far off, just beside the honest ones, together, with wide intervals or none.
Scene adversarial_round(Prng& prng) {
    Scene scene;
    const std::size_t n = 3 + prng.below(prng.chance(0.1) ? 60 : 12);
    const std::size_t liars = prng.below(faults_borne(n) + 1);
    scene.truth = between(prng, -1'000'000, 1'000'000);
    const std::int64_t together = between(prng, -400'000, 400'000);
    for (std::size_t i = 0; i < n; ++i) {
        Contribution c;
        const std::int64_t width = between(prng, 0, 200'000);
        if (i < liars) {
            switch (prng.below(4)) {
                case 0: c.offset = Duration{between(prng, -86'400'000'000'000, 86'400'000'000'000)}; break;
                case 1: c.offset = Duration{scene.truth + together}; break;
                case 2: c.offset = Duration{scene.truth + between(prng, -400'000, 400'000)}; break;
                default: c.offset = Duration{(prng.chance(0.5) ? 1 : -1) * (std::int64_t{1} << 62)}; break;
            }
            c.half_width = Duration{prng.chance(0.2) ? std::int64_t{1} << 61 : width};
        } else {
            c = {Duration{scene.truth + between(prng, -width, width)}, Duration{width}};
            scene.honest_low = std::min(scene.honest_low, c.offset - c.half_width);
            scene.honest_high = std::max(scene.honest_high, c.offset + c.half_width);
            scene.offset_low = std::min(scene.offset_low, c.offset);
            scene.offset_high = std::max(scene.offset_high, c.offset);
        }
        scene.members.push_back(c);
        scene.liar.push_back(i < liars);
    }
    return scene;
}

TEST(AverageProperty, StaysWithinTheHonestIntervalsWhateverTheLiarsSay) {
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kRounds; ++seed) {
        Prng prng(seed);
        const Scene scene = adversarial_round(prng);
        const Average average = fault_tolerant_average(scene.members);
        ASSERT_FALSE(average.split) << "seed " << seed;
        ASSERT_GE(average.value, scene.honest_low) << "seed " << seed;
        ASSERT_LE(average.value, scene.honest_high) << "seed " << seed;
        // Trimming does even better: not beyond the honest offsets themselves, but for the clamp.
        ASSERT_GE(average.value, std::min(scene.offset_low, average.high)) << "seed " << seed;
        ASSERT_LE(average.value, std::max(scene.offset_high, average.low)) << "seed " << seed;
        ASSERT_LE(average.low.count(), scene.truth) << "seed " << seed;
        ASSERT_GE(average.high.count(), scene.truth) << "seed " << seed;
        for (std::size_t i = 0; i < scene.members.size(); ++i) {
            ASSERT_FALSE(average.outlier[i] && !scene.liar[i]) << "honest clock " << i << ", seed " << seed;
        }
    }
}

TEST(AverageProperty, MovesByNoMoreThanTheInputThatMovesMost) {
    std::uint64_t compared = 0;
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kRounds; ++seed) {
        Prng prng(seed);
        Scene scene = adversarial_round(prng);
        const Average before = fault_tolerant_average(scene.members);
        const std::int64_t most = between(prng, 0, 50'000);
        const bool only_one = prng.chance(0.5);
        const std::size_t chosen = prng.below(scene.members.size());
        for (std::size_t i = 0; i < scene.members.size(); ++i) {
            if (!only_one || i == chosen) scene.members[i].offset += Duration{between(prng, -most, most)};
        }
        const Average after = fault_tolerant_average(scene.members);
        if (before.split || after.split) continue;
        ++compared;
        // One nanosecond is rounding's.
        ASSERT_LE(std::chrono::abs(after.value - before.value), Duration{most + 1}) << "seed " << seed;
    }
    EXPECT_GT(compared, kRounds / 2);
}

TEST(AverageProperty, MovesWithAllInputsAlike) {
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kRounds; ++seed) {
        Prng prng(seed);
        Scene scene = adversarial_round(prng);
        // Without the ends of the range, where ends of intervals saturate.
        for (Contribution& c : scene.members) {
            c.offset = std::clamp(c.offset, Duration{-(std::int64_t{1} << 50)}, Duration{std::int64_t{1} << 50});
            c.half_width = std::min(c.half_width, Duration{std::int64_t{1} << 50});
        }
        const Duration shift{between(prng, -(std::int64_t{1} << 55), std::int64_t{1} << 55)};
        std::vector<Contribution> shifted = scene.members;
        for (Contribution& c : shifted) c.offset += shift;
        const std::optional<Contribution> predicted = Contribution{Duration{scene.truth}, Duration{1'000}};
        const std::optional<Contribution> there = Contribution{Duration{scene.truth} + shift, Duration{1'000}};
        const Average a = fault_tolerant_average(scene.members, predicted);
        const Average b = fault_tolerant_average(shifted, there);
        ASSERT_EQ(a.split, b.split) << "seed " << seed;
        ASSERT_EQ(a.outlier, b.outlier) << "seed " << seed;
        if (!a.split) {
            ASSERT_EQ(a.value + shift, b.value) << "seed " << seed;
        }
        const Average c = cold_start_average(scene.members);
        const Average d = cold_start_average(shifted);
        ASSERT_EQ(c.outlier, d.outlier) << "seed " << seed;
        ASSERT_EQ(c.value + shift, d.value) << "seed " << seed;
    }
}

TEST(AverageProperty, DoesNotDependOnTheOrder) {
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kRounds / 10; ++seed) {
        Prng prng(seed);
        Scene scene = adversarial_round(prng);
        const Average before = fault_tolerant_average(scene.members);
        for (std::size_t i = scene.members.size(); i > 1; --i) {
            std::swap(scene.members[i - 1], scene.members[prng.below(i)]);
        }
        const Average after = fault_tolerant_average(scene.members);
        ASSERT_EQ(before.split, after.split) << "seed " << seed;
        ASSERT_EQ(before.value, after.value) << "seed " << seed;
    }
}

TEST(AverageProperty, AnythingGoesInAndNothingBreaks) {
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kRounds; ++seed) {
        Prng prng(seed);
        std::vector<Contribution> members(prng.below(12));
        for (Contribution& c : members) {
            const std::uint64_t zoom = prng.below(63);
            c.offset = Duration{static_cast<std::int64_t>(prng.next()) >> zoom};
            c.half_width = Duration{static_cast<std::int64_t>(prng.next() >> (1 + prng.below(62)))};
        }
        const Contribution predicted{Duration{static_cast<std::int64_t>(prng.next())}, Duration{1'000'000}};
        const Average average = fault_tolerant_average(members, predicted);
        if (average.split) {
            ASSERT_EQ(average.value, Duration{0}) << "seed " << seed;
        } else if (members.size() >= 3) {
            ASSERT_GE(average.value, average.low) << "seed " << seed;
            ASSERT_LE(average.value, average.high) << "seed " << seed;
        }
        ASSERT_EQ(cold_start_average(members).outlier.size(), members.size()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace berkeley
