#include "base/text.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_writer.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

TEST(Text, IsOneLineThatGivesATerminalNoOrders) {
    EXPECT_EQ(one_line("a\nb\x1b[2J\x7f"), "a b [2J");
    EXPECT_EQ(one_line("CSI of C1: \xc2\x9b"
                       "2J"),
              "CSI of C1:  2J");
    EXPECT_EQ(one_line("an 8-bit \x9b, an overlong \xc0\x9b"), "an 8-bit ?, an overlong ??");
    EXPECT_EQ(one_line("\xc3\xbc \xe2\x82\xac \xf0\x9f\x95\x90"), "\xc3\xbc \xe2\x82\xac \xf0\x9f\x95\x90");
    EXPECT_EQ(one_line("\xed\xa0\x80 cut \xe2\x82"), "??? cut ??");
    EXPECT_EQ(one_line(" \n"), "");
}

TEST(Text, TellsTheCalendar) {
    EXPECT_EQ(calendar_text(ClusterTime{1'700'000'000s + 123'456'789ns}), "2023-11-14 22:13:20.123456");
    EXPECT_EQ(calendar_text(ClusterTime{0ns}), "1970-01-01 00:00:00.000000");
    EXPECT_EQ(calendar_text(ClusterTime{-1ns}), "1969-12-31 23:59:59.999999");
    EXPECT_EQ(calendar_text(ClusterTime{951'782'400s}), "2000-02-29 00:00:00.000000");
    EXPECT_EQ(calendar_text(ClusterTime::max()), "2262-04-11 23:47:16.854775");
}

TEST(Text, CountsInTheSingularAndInThePlural) {
    EXPECT_EQ(counted(0, "slave"), "0 slaves");
    EXPECT_EQ(counted(1, "slave"), "1 slave");
    EXPECT_EQ(counted(2, "slave"), "2 slaves");
}

TEST(JsonWriter, WritesEveryKindInTheGivenOrder) {
    JsonWriter json;
    json.begin_object().field("z", 1).field("a", std::string("s1")).field("yes", true).field("none", nullptr);
    json.key("list").begin_array().value(-1.5).value("x").begin_object().end_object().end_array();
    json.key("empty").begin_array().end_array().end_object();
    EXPECT_EQ(json.take(), R"({"z":1,"a":"s1","yes":true,"none":null,"list":[-1.5,"x",{}],"empty":[]})");
    EXPECT_EQ(json.value("again").text(), R"("again")");
}

TEST(JsonWriter, NumbersReadBackAsTheyWere) {
    JsonWriter json;
    json.begin_array();
    json.value(std::numeric_limits<std::int64_t>::min()).value(std::numeric_limits<std::uint64_t>::max());
    json.value(0.1).value(1e300).value(std::numeric_limits<double>::infinity()).end_array();
    const Json read = Json::parse(json.text());
    EXPECT_EQ(read[0], std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(read[1], std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(read[2], 0.1);
    EXPECT_EQ(read[3], 1e300);
    EXPECT_TRUE(read[4].is_null());
}

TEST(JsonWriter, EveryByteMakesValidTextThatReadsBack) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    JsonWriter json;
    EXPECT_EQ(Json::parse(json.value(all).take()), all);
    for (int c = 128; c < 256; ++c) {
        json.begin_object()
            .field("a\xc3\xbc" + std::string(1, static_cast<char>(c)), "\xf0\x9f")
            .end_object();
        const Json read = Json::parse(json.take());
        EXPECT_EQ(read.items().begin().key(), "a\xc3\xbc\xef\xbf\xbd");
    }
}

}  // namespace
}  // namespace berkeley
