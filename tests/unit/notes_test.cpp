#include "net/notes.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using About = Notes::About;

TEST(Notes, TheSameIsNotToldTwiceAMinute) {
    Notes notes;
    notes.add(About::members, "a", RawTime{});
    notes.add(About::members, "a", RawTime{30s});
    EXPECT_EQ(notes.take().size(), 1U);
    notes.forget(RawTime{61s});
    notes.add(About::members, "a", RawTime{61s});
    EXPECT_EQ(notes.take().size(), 1U);
}

TEST(Notes, StrangersFillNoQuotaButTheirOwnAndTheLogSaysThatTheyDid) {
    Notes notes;
    for (int i = 0; i < 100'000; ++i) notes.add(About::strangers, "key " + std::to_string(i), RawTime{});
    notes.add(About::members, "a member", RawTime{});
    const auto told = notes.take();
    ASSERT_EQ(told.size(), Notes::kQuota[1] + 2);
    EXPECT_NE(told[told.size() - 2].find("more strangers"), std::string::npos);
    EXPECT_EQ(told.back(), "a member");
}

}  // namespace
}  // namespace berkeley
