#include "estimate/sample.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

constexpr RawTime raw(std::int64_t ns) { return from_ns<RawTime>(ns); }

TEST(Cristian, SymmetricDelayGivesTheTrueOffset) {
    // Slave 5000 ahead, 100 each way, 30 in the slave.
    const auto sample = cristian({raw(1000), raw(6100), raw(6130), raw(1230)});
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->offset, Duration{5000});
    EXPECT_EQ(sample->delay, Duration{200});
    EXPECT_EQ(sample->at, raw(1115));
}

TEST(Cristian, TheTrueOffsetLiesWithinHalfTheDelayWhateverTheShares) {
    constexpr std::uint64_t kSeed = 7;
    Prng prng(kSeed);
    for (int i = 0; i < 10'000; ++i) {
        const auto draw = [&](std::uint64_t bound) { return static_cast<std::int64_t>(prng.below(bound)); };
        const std::int64_t offset = draw(2'000'000'000'000'000) - 1'000'000'000'000'000;
        const std::int64_t t1 = draw(1'000'000'000'000);
        const std::int64_t out = draw(1'000'000);
        const std::int64_t stay = draw(1'000'000);
        const std::int64_t back = draw(1'000'000);
        const auto sample = cristian(
            {raw(t1), raw(t1 + out + offset), raw(t1 + out + stay + offset), raw(t1 + out + stay + back)});
        ASSERT_TRUE(sample);
        const Duration error = sample->offset - Duration{offset};
        ASSERT_EQ(sample->delay, Duration{out + back}) << "seed " << kSeed << ", case " << i;
        ASSERT_LE(2 * std::chrono::abs(error), sample->delay + Duration{1})
            << "seed " << kSeed << ", case " << i;
    }
}

TEST(Cristian, RawClocksMayLieDecadesApart) {
    const std::int64_t far = kRawTimeMax - 1'000'000;
    const auto ahead = cristian({raw(-far), raw(far), raw(far + 10), raw(-far + 210)});
    ASSERT_TRUE(ahead);
    EXPECT_EQ(ahead->offset, Duration{2 * far - 100});
    EXPECT_EQ(ahead->delay, Duration{200});
    const auto behind = cristian({raw(far), raw(-far), raw(-far + 10), raw(far + 210)});
    ASSERT_TRUE(behind);
    EXPECT_EQ(behind->offset, Duration{-2 * far - 100});
}

TEST(Cristian, ImpossibleStampsAreNamed) {
    const auto error = [](std::int64_t t1, std::int64_t t2, std::int64_t t3, std::int64_t t4) {
        const auto sample = cristian({raw(t1), raw(t2), raw(t3), raw(t4)});
        return sample ? std::nullopt : std::optional{sample.error()};
    };
    EXPECT_EQ(error(0, 50, 60, 110), std::nullopt);
    EXPECT_EQ(error(0, 50, 49, 110), StampError::reversed);
    EXPECT_EQ(error(0, 50, 60, -1), StampError::reversed);
    EXPECT_EQ(error(0, 0, 1'000, 899), StampError::residence) << "longer in the slave than on the whole trip";
    EXPECT_EQ(error(kRawTimeMax, 50, 60, 110), StampError::insane);
    EXPECT_EQ(error(0, -kRawTimeMax, 60, 110), StampError::insane);
    EXPECT_EQ(error(0, 50, std::numeric_limits<std::int64_t>::max(), 110), StampError::insane);
    EXPECT_EQ(error(0, 50, 60, std::numeric_limits<std::int64_t>::min()), StampError::insane);
}

TEST(Cristian, AResidenceLongerByLessThanTheSlackIsDelayZero) {
    const auto sample = cristian({raw(0), raw(0), raw(1'000), raw(900)});
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->delay, Duration{0});
    EXPECT_EQ(sample->offset, Duration{50});
}

}  // namespace
}  // namespace berkeley
