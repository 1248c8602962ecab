#include "base/duration_text.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/prng.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

TEST(DurationText, ReadsNumbersWithUnits) {
    EXPECT_EQ(parse_duration("250ms"), Duration{250ms});
    EXPECT_EQ(parse_duration("1s"), Duration{1s});
    EXPECT_EQ(parse_duration("2.5s"), Duration{2500ms});
    EXPECT_EQ(parse_duration("-10m"), Duration{-10min});
    EXPECT_EQ(parse_duration("+10min"), Duration{10min});
    EXPECT_EQ(parse_duration("1h"), Duration{1h});
    EXPECT_EQ(parse_duration("1d"), Duration{24h});
    EXPECT_EQ(parse_duration(".5us"), Duration{500ns});
    EXPECT_EQ(parse_duration("0"), Duration{0});
    EXPECT_EQ(parse_duration("-9223372036854775us"), Duration{-9223372036854775000});
}

TEST(DurationText, RefusesWhatIsNotExactlyADuration) {
    for (const char* text :
         {"", "s", "-", ".", "1.", "1.s", "1", "10 s", "1x", "1h30m", "--1s", "1e3s", "0.1ns",
          "9223372036855s", "10000000000000000000ns", "1,5s", "1s ", "nan", "inf"}) {
        const auto result = parse_duration(text);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_NE(result.error().find("250ms"), std::string::npos)
            << "says what is allowed: " << result.error();
    }
}

TEST(DurationText, SpeaksToPeople) {
    EXPECT_EQ(signed_duration_text(1'200ns), "+1.2 us");
    EXPECT_EQ(signed_duration_text(-10min), "-10 min");
    EXPECT_EQ(signed_duration_text(4'100ms), "+4.1 s");
    EXPECT_EQ(signed_duration_text(0ns), "0 ns");
    EXPECT_EQ(duration_text(84us), "84 us");
    EXPECT_EQ(duration_text(-3'100ns), "-3.1 us");
    EXPECT_EQ(duration_text(2s), "2 s");
    EXPECT_EQ(duration_text(25h), "25 h");
    EXPECT_EQ(duration_text(72h), "3 d");
}

TEST(DurationText, RoundsBeforeItChoosesTheUnit) {
    EXPECT_EQ(duration_text(999'600ns), "1 ms");
    EXPECT_EQ(duration_text(999'400ns), "999 us");
    EXPECT_EQ(duration_text(9'960ns), "10 us");
    EXPECT_EQ(duration_text(9'940ns), "9.9 us");
}

TEST(DurationText, BearsTheExtremes) {
    EXPECT_EQ(duration_text(Duration::min()), "-106752 d");
    EXPECT_EQ(duration_text(Duration::max()), "106752 d");
}

TEST(DurationText, LiteralsReadBackExactly) {
    Prng prng(7);
    for (int i = 0; i < 1000; ++i) {
        const auto shift = prng.below(62);
        const Duration value{static_cast<std::int64_t>(prng.next()) >> shift};
        EXPECT_EQ(parse_duration(duration_literal(value)).value_or(Duration{-1}), value)
            << duration_literal(value);
    }
    EXPECT_EQ(duration_literal(250ms), "250ms");
    EXPECT_EQ(duration_literal(1h), "1h");
}

}  // namespace
}  // namespace berkeley
