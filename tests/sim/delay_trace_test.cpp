#include "sim/delay_trace.hpp"

#include <gtest/gtest.h>

namespace berkeley::sim {
namespace {

TEST(DelayTrace, SurvivesWritingAndReading) {
    const DelayTrace trace{{Duration{0}, {{Duration{50'000}, Duration{40'000}}, {Duration{1}, Duration{2}}}},
                           {Duration{250'000'000}, {{Duration{7}, Duration{0}}}}};
    const auto read = parse_trace(format_trace(trace));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, trace);
}

TEST(DelayTrace, BadFilesAreRefusedByLine) {
    const std::string first = "# berkeley delays 1\n";
    const std::pair<std::string, std::string> cases[] = {
        {"", "no probes"},
        {"0 0 1 1\n", "line 1: '# berkeley delays 1' expected: not a recording of delays"},
        {first, "no probes"},
        {first + "0 0 1\n", "line 2: four integers expected"},
        {first + "0 0 1 1 9\n", "line 2: four integers expected"},
        {first + "0 0 1 x\n", "line 2: four integers expected"},
        {first + "0 0 -1 1\n", "line 2: times must lie between 0 and 60 s"},
        {first + "0 0 1 60000000001\n", "line 2: times must lie between 0 and 60 s"},
        {first + "0 1 1 1\n", "line 2: probes of a burst must count up from 0"},
        {first + "0 0 1 1\n0 2 1 1\n", "line 3: probes of a burst must count up from 0"},
    };
    for (const auto& [text, error] : cases) {
        const auto read = parse_trace(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error(), error);
    }
}

}  // namespace
}  // namespace berkeley::sim
