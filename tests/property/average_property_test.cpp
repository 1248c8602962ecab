// What the fault-tolerant average promises, for 100,000 random rounds each (10,000 under a sanitizer), liars
// among them. rapidcheck shrinks a counterexample to few clocks and prints it; RC_PARAMS="seed=..." repeats
// the run that found it.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

#include "estimate/average.hpp"

namespace berkeley {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds =
    10'000;  // there memory and threads are in question, and each takes thirty times as long
#else
constexpr int kRounds = 100'000;
#endif
constexpr std::int64_t kDay = 86'400'000'000'000;

template <class Property>
void holds_always(const Property& property) {
    rc::detail::TestMetadata metadata;
    metadata.id = metadata.description = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    rc::detail::TestParams params = rc::detail::configuration().testParams;
    params.maxSuccess = kRounds;
    const auto result = rc::detail::checkTestable(property, metadata, params);
    std::ostringstream text;
    rc::detail::printResultMessage(result, text);
    EXPECT_TRUE(result.template is<rc::detail::SuccessResult>()) << text.str();
}

std::size_t faults_borne(std::size_t n) { return std::max<std::size_t>(1, (n - 1) / 3); }

std::int64_t between(std::int64_t low, std::int64_t high) { return *rc::gen::inRange(low, high + 1); }

/// What one clock says, drawn before it is known whether it lies.
struct Draw {
    int kind;
    std::int64_t width;
    std::int64_t place;
};
std::vector<Draw> draws(std::size_t n) {
    const auto one = rc::gen::tuple(rc::gen::inRange(0, 5), rc::gen::inRange<std::int64_t>(0, 200'000),
                                    rc::gen::inRange<std::int64_t>(-kDay, kDay));
    std::vector<Draw> result;
    for (const auto& [kind, width, place] :
         *rc::gen::container<std::vector<std::tuple<int, std::int64_t, std::int64_t>>>(n, one)) {
        result.push_back({kind, width, place});
    }
    return result;
}

struct Round {
    std::vector<Contribution> members;
    std::size_t liars = 0;                                           ///< the first ones
    std::int64_t truth = 0;                                          ///< in every honest interval
    Duration honest_low{std::numeric_limits<std::int64_t>::max()};   ///< least left end of an honest interval
    Duration honest_high{std::numeric_limits<std::int64_t>::min()};  ///< greatest right end
    Duration offset_low = honest_low;                                ///< of the honest offsets
    Duration offset_high = honest_high;
};

/// Up to f liars, anywhere: far off, just beside the honest ones, together, with wide intervals or none.
Round adversarial_round() {
    Round round;
    const auto n = static_cast<std::size_t>(between(3, 15));
    round.liars = static_cast<std::size_t>(between(0, static_cast<std::int64_t>(faults_borne(n))));
    round.truth = between(-1'000'000, 1'000'000);
    const std::int64_t together = between(-400'000, 400'000);
    for (const Draw& d : draws(n)) {
        if (round.members.size() < round.liars) {
            const std::array<std::int64_t, 5> lies{d.place, round.truth + together,
                                                   round.truth + d.place % 400'000, std::int64_t{1} << 62,
                                                   -(std::int64_t{1} << 62)};
            const bool claims_to_know_nothing = d.place % 5 == 0;
            round.members.push_back({Duration{lies.at(static_cast<std::size_t>(d.kind))},
                                     Duration{claims_to_know_nothing ? std::int64_t{1} << 61 : d.width}});
            continue;
        }
        const Contribution c{Duration{round.truth + d.place % (d.width + 1)}, Duration{d.width}};
        round.honest_low = std::min(round.honest_low, c.offset - c.half_width);
        round.honest_high = std::max(round.honest_high, c.offset + c.half_width);
        round.offset_low = std::min(round.offset_low, c.offset);
        round.offset_high = std::max(round.offset_high, c.offset);
        round.members.push_back(c);
    }
    return round;
}

TEST(AverageProperty, StaysWithinTheHonestIntervalsWhateverTheLiarsSay) {
    holds_always([] {
        const Round round = adversarial_round();
        const Average average = fault_tolerant_average(round.members);
        RC_ASSERT(!average.split);
        RC_ASSERT(average.value >= round.honest_low && average.value <= round.honest_high);
        // Trimming does even better: not beyond the honest offsets themselves, but for the clamp.
        RC_ASSERT(average.value >= std::min(round.offset_low, average.high));
        RC_ASSERT(average.value <= std::max(round.offset_high, average.low));
        RC_ASSERT(average.low.count() <= round.truth && average.high.count() >= round.truth);
        for (std::size_t i = round.liars; i < round.members.size(); ++i) RC_ASSERT(!average.outlier[i]);
    });
}

TEST(AverageProperty, MovesByNoMoreThanTheInputThatMovesMost) {
    int compared = 0;
    holds_always([&] {
        Round round = adversarial_round();
        const Average before = fault_tolerant_average(round.members);
        const std::int64_t most = between(0, 50'000);
        const auto only = static_cast<std::size_t>(between(0, 30));
        const auto moves = draws(round.members.size());
        for (std::size_t i = 0; i < round.members.size(); ++i) {
            if (only < round.members.size() && i != only) continue;
            round.members[i].offset += Duration{moves[i].place % (most + 1)};
        }
        const Average after = fault_tolerant_average(round.members);
        if (before.split || after.split) return;
        ++compared;
        // One nanosecond is rounding's.
        RC_ASSERT(std::chrono::abs(after.value - before.value) <= Duration{most + 1});
    });
    EXPECT_GT(compared, kRounds / 2);
}

TEST(AverageProperty, MovesWithAllInputsAlike) {
    holds_always([] {
        Round round = adversarial_round();
        // Without the ends of the range, where ends of intervals saturate.
        for (Contribution& c : round.members) {
            c.offset =
                std::clamp(c.offset, Duration{-(std::int64_t{1} << 50)}, Duration{std::int64_t{1} << 50});
            c.half_width = std::min(c.half_width, Duration{std::int64_t{1} << 50});
        }
        const Duration shift{between(-(std::int64_t{1} << 55), std::int64_t{1} << 55)};
        std::vector<Contribution> shifted = round.members;
        for (Contribution& c : shifted) c.offset += shift;
        const std::optional<Contribution> predicted = Contribution{Duration{round.truth}, Duration{1'000}};
        const std::optional<Contribution> there =
            Contribution{Duration{round.truth} + shift, Duration{1'000}};
        const Average a = fault_tolerant_average(round.members, predicted);
        const Average b = fault_tolerant_average(shifted, there);
        RC_ASSERT(a.split == b.split);
        RC_ASSERT(a.outlier == b.outlier);
        if (!a.split) RC_ASSERT(a.value + shift == b.value);
        const Average c = cold_start_average(round.members);
        const Average d = cold_start_average(shifted);
        RC_ASSERT(c.outlier == d.outlier);
        RC_ASSERT(c.value + shift == d.value);
    });
}

TEST(AverageProperty, DoesNotDependOnTheOrder) {
    holds_always([] {
        Round round = adversarial_round();
        const Average before = fault_tolerant_average(round.members);
        const auto order = draws(round.members.size());
        for (std::size_t i = round.members.size(); i > 1; --i) {
            std::swap(round.members[i - 1], round.members[static_cast<std::size_t>(order[i - 1].width) % i]);
        }
        const Average after = fault_tolerant_average(round.members);
        RC_ASSERT(before.split == after.split);
        RC_ASSERT(before.value == after.value);
    });
}

/// Any two 64-bit numbers: large, small, or at an end of the range.
Contribution anything() {
    const auto zoom = *rc::gen::inRange(0, 63);
    const auto narrow = *rc::gen::inRange(1, 63);
    return {Duration{*rc::gen::arbitrary<std::int64_t>() >> zoom},
            Duration{static_cast<std::int64_t>(*rc::gen::arbitrary<std::uint64_t>() >> narrow)}};
}

TEST(AverageProperty, AnythingGoesInAndASplitIsNeverAveraged) {
    int splits = 0;
    holds_always([&] {
        std::vector<Contribution> members(static_cast<std::size_t>(between(0, 11)));
        for (Contribution& c : members) c = anything();
        const Contribution predicted{anything().offset, Duration{1'000'000}};
        const Average average = fault_tolerant_average(members, predicted);
        if (average.split) {
            ++splits;
            RC_ASSERT(average.value == Duration{0});
        } else if (members.size() >= 3) {
            RC_ASSERT(average.value >= average.low && average.value <= average.high);
        }
        RC_ASSERT(average.outlier.size() == members.size());
        RC_ASSERT(cold_start_average(members).outlier.size() == members.size());
    });
    EXPECT_GT(splits, kRounds / 100) << "else nothing is said of them";
}

}  // namespace
}  // namespace berkeley
