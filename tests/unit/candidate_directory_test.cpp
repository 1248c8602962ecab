#include "slave/candidate_directory.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using Change = CandidateDirectory::Change;
using Source = CandidateDirectory::Source;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);

CandidateInfo info(const std::string& id, std::uint64_t version, const std::string& port = "1",
                   Duration age = Duration{0}) {
    const auto url = *Url::from("tcp://h:" + port);
    return {node_id(id), 100, url, url, url, version, age};
}

CandidateDirectory slave_directory() { return {node_id("s1"), std::nullopt, {}, kStart}; }

std::string poll_of(const CandidateDirectory& directory, const std::string& id) {
    const auto* entry = directory.find(node_id(id));
    return entry == nullptr ? "unknown" : entry->info.poll.str();
}

TEST(CandidateDirectory, HearsayAddsWhatIsUnknownAndNewerVersionsAndNothingElse) {
    CandidateDirectory known = slave_directory();
    EXPECT_EQ(known.hear(info("m1", 3, "1"), Source::hearsay, kStart), Change::entry);
    EXPECT_EQ(known.hear(info("m1", 3, "2"), Source::hearsay, kStart), Change::none);
    EXPECT_EQ(known.hear(info("m1", 2, "3"), Source::hearsay, kStart), Change::none);
    EXPECT_EQ(poll_of(known, "m1"), "tcp://h:1");
    EXPECT_EQ(known.hear(info("m1", 4, "4"), Source::hearsay, kStart), Change::entry);
    EXPECT_EQ(poll_of(known, "m1"), "tcp://h:4");
}

TEST(CandidateDirectory, TwoViewsOfAThirdCandidateComeToRest) {
    CandidateDirectory a(node_id("m1"), info("m1", 0), {}, kStart);
    CandidateDirectory b(node_id("m2"), info("m2", 0), {}, kStart);
    a.hear(info("m3", 1, "1"), Source::owner, kStart);
    b.hear(info("m3", 1, "2"), Source::owner, kStart);
    int changes = 0;
    for (int i = 0; i < 100; ++i) {
        for (const CandidateInfo& told : a.descriptions(kStart))
            changes += b.hear(told, Source::hearsay, kStart) != Change::none ? 1 : 0;
        for (const CandidateInfo& told : b.descriptions(kStart))
            changes += a.hear(told, Source::hearsay, kStart) != Change::none ? 1 : 0;
    }
    EXPECT_EQ(changes, 2) << "they learn of each other, and leave m3 where each saw it";
}

TEST(CandidateDirectory, TheCandidatesOwnWordCountsThoughItHasForgottenItsVersion) {
    CandidateDirectory known = slave_directory();
    known.hear(info("m1", 7, "1"), Source::hearsay, kStart);
    EXPECT_EQ(known.hear(info("m1", 1, "2"), Source::owner, kStart), Change::entry);
    EXPECT_EQ(poll_of(known, "m1"), "tcp://h:2");
    EXPECT_EQ(known.hear(info("m1", 7, "1"), Source::hearsay, kStart), Change::none)
        << "what others still say of the old place";
    EXPECT_EQ(poll_of(known, "m1"), "tcp://h:2");
}

TEST(CandidateDirectory, ACandidateRaisesItsVersionAboveWhatOthersSayOfIt) {
    CandidateDirectory own(node_id("m1"), info("m1", 0, "1"), {}, kStart);
    EXPECT_EQ(own.own()->version, 1U);
    EXPECT_EQ(own.hear(info("m1", 7, "2"), Source::hearsay, kStart), Change::own);
    EXPECT_EQ(own.own()->version, 8U);
    EXPECT_EQ(own.own()->poll.str(), "tcp://h:1") << "nobody else knows where it is";
    EXPECT_EQ(own.hear(info("m1", 8, "1"), Source::hearsay, kStart), Change::none);
    EXPECT_EQ(own.hear(info("m1", 3, "2"), Source::hearsay, kStart), Change::none);
    EXPECT_EQ(own.hear(info("m1", kTermMax, "2"), Source::hearsay, kStart), Change::none)
        << "a version that leaves no room above it";
}

TEST(CandidateDirectory, AVersionIsRaisedOverARestartOnlyWhereTheEndpointsChanged) {
    const std::vector<CandidateInfo> saved{info("m1", 4, "1"), info("m2", 2, "9")};
    const CandidateDirectory same(node_id("m1"), info("m1", 0, "1"), saved, kStart);
    EXPECT_EQ(same.own()->version, 4U);
    EXPECT_EQ(poll_of(same, "m2"), "tcp://h:9");
    const CandidateDirectory moved(node_id("m1"), info("m1", 0, "2"), saved, kStart);
    EXPECT_EQ(moved.own()->version, 5U);
}

TEST(CandidateDirectory, HearsayMakesNobodyYoungerAndADayEndsIt) {
    CandidateDirectory a(node_id("m1"), info("m1", 0), {}, kStart);
    CandidateDirectory b(node_id("m2"), info("m2", 0), {}, kStart);
    a.hear(info("m3", 1), Source::owner, kStart);
    RawTime now = kStart;
    for (; now < kStart + hours{24} - seconds{1}; now += minutes{10}) {
        for (const CandidateInfo& told : a.descriptions(now)) b.hear(told, Source::hearsay, now);
        for (const CandidateInfo& told : b.descriptions(now)) a.hear(told, Source::hearsay, now);
        a.note_heard(node_id("m2"), now);
        b.note_heard(node_id("m1"), now);
        a.expire(now);
        b.expire(now);
    }
    EXPECT_EQ(poll_of(a, "m3"), "tcp://h:1");
    now = kStart + hours{24};
    EXPECT_TRUE(a.expire(now) && b.expire(now));
    EXPECT_EQ(poll_of(a, "m3"), "unknown");
    EXPECT_EQ(poll_of(b, "m3"), "unknown");
    EXPECT_EQ(poll_of(a, "m2"), "tcp://h:1");
}

TEST(CandidateDirectory, TheNinthStandbyOfAClustersLifeTakesTheLongestSilentOnesPlace) {
    CandidateDirectory known = slave_directory();
    RawTime now = kStart;
    for (int i = 1; i <= 8; ++i, now += minutes{2}) {
        EXPECT_EQ(known.hear(info("m" + std::to_string(i), 1), Source::owner, now), Change::entry);
    }
    known.note_heard(node_id("m1"), now);
    EXPECT_EQ(known.hear(info("m9", 1), Source::owner, now), Change::entry);
    EXPECT_EQ(poll_of(known, "m2"), "unknown");
    EXPECT_NE(poll_of(known, "m1"), "unknown");
    for (int i = 3; i <= 9; ++i) known.note_heard(node_id("m" + std::to_string(i)), now);
    EXPECT_EQ(known.hear(info("m10", 1), Source::owner, now), Change::none) << "nobody alive makes room";
    EXPECT_EQ(known.entries().size(), kMaxCandidates);
}

TEST(CandidateDirectory, WhoeverIsSilentForAMinuteCountsInNoTakeover) {
    CandidateDirectory known = slave_directory();
    known.hear(info("m1", 1), Source::owner, kStart);
    known.hear(info("m2", 1, "1", minutes{2}), Source::hearsay, kStart);
    ASSERT_EQ(known.living(kStart).size(), 1U);
    EXPECT_EQ(known.living(kStart)[0].id, node_id("m1"));
    EXPECT_TRUE(known.living(kStart + minutes{1}).empty());
    EXPECT_EQ(known.descriptions(kStart).size(), 2U);
}

TEST(CandidateDirectory, AForgottenCandidateStaysAwayEverywhereUntilItSpeaksItself) {
    CandidateDirectory a(node_id("m1"), info("m1", 0), {}, kStart);
    CandidateDirectory b(node_id("m2"), info("m2", 0), {}, kStart);
    for (CandidateDirectory* each : {&a, &b}) each->hear(info("m3", 1), Source::owner, kStart);
    EXPECT_FALSE(a.forget(node_id("nobody"), kStart));
    EXPECT_TRUE(a.forget(node_id("m3"), kStart));
    for (const CandidateInfo& told : b.descriptions(kStart)) a.hear(told, Source::hearsay, kStart);
    EXPECT_EQ(poll_of(a, "m3"), "unknown") << "b does not bring it back";
    for (const CandidateInfo& told : a.descriptions(kStart)) b.hear(told, Source::hearsay, kStart);
    EXPECT_EQ(poll_of(b, "m3"), "unknown") << "b forgets it too";
    EXPECT_EQ(a.hear(info("m3", 1), Source::owner, kStart), Change::entry);
    EXPECT_EQ(poll_of(a, "m3"), "tcp://h:1");
}

}  // namespace
}  // namespace berkeley
