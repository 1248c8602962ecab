#include "base/true_map.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "page/page_words.hpp"

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TrueMap, NeverFallsFromOneNanosecondToTheNext) {
    Prng prng{4};
    for (int i = 0; i < 200; ++i) {
        TrueMap map;
        map.anchor_cluster = from_ns<ClusterTime>(1'000'000);
        map.rate = FineRate::from_ppb(static_cast<std::int64_t>(prng.below(400'000'000)) - 200'000'000);
        map.slew = Duration{static_cast<std::int64_t>(prng.below(200)) - 100};
        map.slew_rate = FineRate::from_ppb(100'000'000);
        ClusterTime last = ClusterTime::min();
        for (std::int64_t t = 0; t < 3'000; ++t) {
            const ClusterTime now = map.cluster(from_ns<TrueTime>(t));
            ASSERT_GE(now, last) << "case " << i << " at " << t;
            last = now;
        }
    }
}

TEST(TrueMap, SlewsAtItsRateAndThenNoMore) {
    TrueMap map;
    map.slew = milliseconds{1};
    map.slew_rate = FineRate::from_ppb(500'000);
    EXPECT_NEAR(static_cast<double>(map.slew_for().count()), 2e9, 1);
    EXPECT_EQ(map.cluster(from_ns<TrueTime>(1'000'000'000)).time_since_epoch(),
              seconds{1} + Duration{499'999});
    EXPECT_EQ(map.cluster(from_ns<TrueTime>(10'000'000'000)).time_since_epoch(),
              seconds{10} + milliseconds{1});
    EXPECT_NEAR(map.rate_at(from_ns<TrueTime>(1)).ppb(), 500'000, 1e-3);
    EXPECT_NEAR(map.rate_at(from_ns<TrueTime>(3'000'000'000)).ppb(), 0, 1e-3);
}

TEST(TrueMap, ReadsAsItsPageDoesToTheNanosecond) {
    Prng prng{7};
    const auto around = [&prng](std::int64_t span) {
        return static_cast<std::int64_t>(prng.below(2 * static_cast<std::uint64_t>(span))) - span;
    };
    for (int i = 0; i < 100'000; ++i) {
        TrueMap map;
        map.anchor_true = from_ns<TrueTime>(around(1'000'000'000'000'000));
        map.anchor_cluster = from_ns<ClusterTime>(around(2'000'000'000'000'000'000));
        map.rate = FineRate::from_ppb(around(100'000'000));
        map.slew = Duration{around(i % 2 == 0 ? 1'000 : 1'000'000'000)};
        map.slew_rate = FineRate::from_ppb(1 + around(50'000'000) / 2 + 25'000'000);
        if (i % 5 == 0) map.floor = map.anchor_cluster + Duration{around(1'000'000'000)};
        berkeley_page words{};
        store_map(words, map);
        const TrueTime t = map.anchor_true + Duration{around(10'000'000'000)};
        ASSERT_EQ(to_ns(map.cluster(t)), berkeley_page_now(&words, to_ns(t))) << "case " << i;
    }
}

}  // namespace
}  // namespace berkeley
