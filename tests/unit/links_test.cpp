#include "slave/links.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using Source = CandidateDirectory::Source;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);

Url url(const std::string& text) { return *Url::from(text); }

CandidateInfo info(const std::string& id, std::uint64_t version, const std::string& host) {
    return {node_id(id),
            100,
            url("tcp://" + host + ":1"),
            url("tcp://" + host + ":2"),
            url("tcp://" + host + ":3"),
            version,
            Duration{0}};
}

/// Links that were given the endpoint of m1, and the candidates that answer.
class LinksTest : public ::testing::Test {
protected:
    explicit LinksTest(LinksOptions options = {.id = node_id("s1"),
                                               .cluster = node_id("c"),
                                               .given = {url("tcp://a:1")},
                                               .own = std::nullopt,
                                               .saved = {}})
        : links_(options, Prng{1}, kStart) {
        links_.start(kStart, out_);
        note();
    }

    /// Follows what the links ask of the sockets.
    void note() {
        for (const Action& action : out_) {
            if (const auto* connect = std::get_if<ConnectLink>(&action)) {
                connected_[connect->link] = connect->poll.str();
            } else if (const auto* subscribe = std::get_if<SubscribeLink>(&action)) {
                subscribed_[subscribe->link] = subscribe->publish.str();
            } else if (const auto* drop = std::get_if<DropLink>(&action)) {
                connected_.erase(drop->link);
                subscribed_.erase(drop->link);
            }
        }
        out_.clear();
    }
    void welcome(Link link, const CandidateInfo& sender) {
        links_.note_message(link, Via::dealer, now_);
        links_.on_welcome(link, sender, now_, out_);
        note();
    }
    void hear(const CandidateInfo& told, Source source = Source::hearsay) {
        links_.hear(told, source, now_, out_);
        note();
    }
    /// Lets time pass; those candidates answer each HELLO.
    void run(Duration time, const std::map<std::string, CandidateInfo>& alive) {
        for (const RawTime end = now_ + time; now_ < end; now_ += milliseconds{50}) {
            for (const Link link : links_.tend(std::nullopt, now_, out_)) {
                note();
                const auto peer = alive.find(connected_[link]);
                if (peer != alive.end()) welcome(link, peer->second);
            }
            note();
        }
    }
    bool connected(const std::string& poll) const {
        return std::any_of(connected_.begin(), connected_.end(),
                           [&](const auto& c) { return c.second == poll; });
    }

    RawTime now_ = kStart;
    Actions out_;
    Links links_;
    std::map<Link, std::string> connected_;
    std::map<Link, std::string> subscribed_;
};

TEST_F(LinksTest, HearsayOfAnotherPlaceDoesNotCutALinkThatWorks) {
    const std::map<std::string, CandidateInfo> alive{{"tcp://a:1", info("m1", 1, "a")}};
    run(seconds{2}, alive);
    hear(info("m1", 9, "nowhere"));
    run(seconds{20}, alive);
    EXPECT_TRUE(connected("tcp://a:1"));
    EXPECT_FALSE(connected("tcp://nowhere:1"));
    EXPECT_EQ(subscribed_.at(0), "tcp://a:2");
}

TEST_F(LinksTest, ACandidateThatMovedIsFollowedWithinSeconds) {
    run(seconds{2}, {{"tcp://a:1", info("m1", 1, "a")}});
    hear(info("m2", 1, "b"));
    run(seconds{2}, {{"tcp://a:1", info("m1", 1, "a")}, {"tcp://b:1", info("m2", 1, "b")}});
    ASSERT_TRUE(connected("tcp://b:1"));
    // m2 dies, is back at once under another address, and m1 passes the news on.
    hear(info("m2", 2, "c"));
    run(seconds{4}, {{"tcp://a:1", info("m1", 1, "a")}, {"tcp://c:1", info("m2", 2, "c")}});
    EXPECT_TRUE(connected("tcp://c:1"));
    EXPECT_FALSE(connected("tcp://b:1"));
    EXPECT_EQ(subscribed_.at(1), "tcp://c:2");
}

TEST_F(LinksTest, TheCandidatesOwnWordMovesItsLinkAtOnce) {
    hear(info("m2", 1, "b"), Source::owner);
    welcome(1, info("m2", 1, "b"));
    hear(info("m2", 2, "c"), Source::owner);
    EXPECT_EQ(connected_.at(1), "tcp://c:1");
}

TEST_F(LinksTest, AGivenEndpointAndTheOneHeardOfAreTriedInTurn) {
    run(seconds{2}, {{"tcp://a:1", info("m1", 1, "a")}});
    hear(info("m1", 2, "c"));
    run(seconds{4}, {});
    EXPECT_TRUE(connected("tcp://c:1"));
    run(seconds{6}, {});
    EXPECT_TRUE(connected("tcp://a:1")) << "it may be back where the user said";
}

TEST_F(LinksTest, TwoEndpointsOfOneCandidateAreOneLinkUntilThatIsSilent) {
    const CandidateInfo m1 = info("m1", 1, "a");
    hear(info("x", 1, "alias"));  // another name for the place
    const std::map<std::string, CandidateInfo> alive{{"tcp://a:1", m1}, {"tcp://alias:1", m1}};
    run(seconds{10}, alive);
    EXPECT_EQ(connected_.size(), 1U);
    EXPECT_FALSE(links_.on_name_in_use(0, node_id("m1"), now_, out_)) << "that is about another node";
}

class TwoGiven : public LinksTest {
protected:
    TwoGiven()
        : LinksTest({.id = node_id("s1"),
                     .cluster = node_id("c"),
                     .given = {url("tcp://a:1"), url("tcp://localhost:1")},
                     .own = std::nullopt,
                     .saved = {}}) {}
};

TEST_F(TwoGiven, TheSecondUrlOfOneLeaderRestsAndIsTriedWhenTheFirstIsSilent) {
    const CandidateInfo m1 = info("m1", 1, "a");
    run(seconds{1}, {{"tcp://a:1", m1}});
    EXPECT_TRUE(links_.on_name_in_use(1, node_id("m1"), now_, out_))
        << "m1 knows this node by its first link";
    EXPECT_EQ(out_.size(), 2U) << "one word, and the link ends";
    note();
    run(seconds{10}, {{"tcp://a:1", m1}});
    EXPECT_FALSE(connected("tcp://localhost:1"));
    run(seconds{4}, {});
    EXPECT_TRUE(connected("tcp://localhost:1"));
}

TEST_F(LinksTest, AForgottenCandidatesLinkIsDropped) {
    hear(info("m2", 1, "b"));
    ASSERT_TRUE(connected("tcp://b:1"));
    EXPECT_TRUE(links_.forget(node_id("m2"), now_, out_));
    note();
    EXPECT_FALSE(connected("tcp://b:1"));
    EXPECT_TRUE(connected("tcp://a:1"));
}

class Restarted : public LinksTest {
protected:
    Restarted()
        : LinksTest({.id = node_id("s1"),
                     .cluster = node_id("c"),
                     .given = {url("tcp://a:1")},
                     .own = std::nullopt,
                     .saved = {info("m2", 3, "b"), info("m1", 1, "a")}}) {}
};

TEST_F(Restarted, ANodeConnectsToTheCandidatesOfItsLastLifeBesideTheGivenOnes) {
    EXPECT_TRUE(connected("tcp://a:1"));
    EXPECT_TRUE(connected("tcp://b:1"));
    EXPECT_EQ(connected_.size(), 2U) << "m1 is where the user said";
    EXPECT_EQ(subscribed_.at(1), "tcp://b:2");
}

}  // namespace
}  // namespace berkeley
