// A candidate as its shell sees it: what it does with the words of others, alone and in its first seconds.

#include "master/candidate_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(9'000'000'000);
constexpr Duration kHour = std::chrono::hours{1};

class CandidateCoreTest : public ::testing::Test {
protected:
    /// With a `memory` it is a standby that belongs to a cluster.
    void begin(ElectorMemory memory = {}) {
        CandidateOptions options;
        options.slave.cluster = node_id("c");
        options.slave.id = node_id("m1");
        options.slave.incarnation = 1;
        options.slave.candidate = info("m1");
        options.slave.want_heartbeats = true;
        options.slave.masters = {info("m2").poll};
        options.slave.memory = std::move(memory);
        options.election.standby = !options.slave.memory.committee.voters.empty();
        core_ = std::make_unique<CandidateCore>(options, Prng{1}, kStart, ClusterTime{kHour}, SavedRate{});
        core_->start(kStart, out_);
    }
    static CandidateInfo info(const std::string& id) {
        const auto url = [&](const char* port) { return *Url::from("tcp://" + id + ":" + port); };
        return {node_id(id), 100, url("1"), url("2"), url("3"), 1, Duration{0}};
    }
    static Message from(const std::string& sender, Term term, Body body) {
        return {{node_id("c"), node_id(sender), term}, std::move(body)};
    }
    static Hello hello(Generation generation, bool candidate = false) {
        Hello h;
        h.incarnation = 1;
        h.generation = generation;
        if (candidate) h.candidate = info("m2");
        return h;
    }
    void greet(Route route, const std::string& id, Term term, Generation generation = 7) {
        core_->on_route_message(route, from(id, term, hello(generation, id[0] == 'm')), now_, out_);
    }
    /// Lets its timers fire until then.
    void run(Duration time) {
        const RawTime end = now_ + time;
        while (core_->next_deadline() <= end) {
            now_ = std::max(now_, core_->next_deadline());
            core_->on_timer(now_, out_);
        }
        now_ = end;
    }
    /// Answers what it has asked of that route since the last time.
    void answer_polls(Route route, const std::string& id) {
        for (const Action& action : Actions{std::exchange(out_, {})}) {
            const auto* sent = std::get_if<SendToRoute>(&action);
            const auto* poll =
                sent != nullptr && sent->route == route ? std::get_if<Poll>(&sent->message.body) : nullptr;
            if (poll == nullptr) continue;
            Reply reply;
            reply.round = poll->round;
            reply.probe = poll->probe;
            reply.token = poll->token;
            reply.generation = 7;
            reply.t2 = reply.t3 = now_;
            now_ += milliseconds{1};
            core_->on_route_message(route, from(id, core_->slave().term(), reply), now_, out_);
        }
    }
    template <class Wanted>
    std::vector<Wanted> sent_to_link() const {
        std::vector<Wanted> found;
        for (const Action& action : out_) {
            const auto* sent = std::get_if<SendToLink>(&action);
            if (const auto* body = sent != nullptr ? std::get_if<Wanted>(&sent->message.body) : nullptr)
                found.push_back(*body);
        }
        return found;
    }
    std::size_t dropped(std::string_view reason) const {
        return static_cast<std::size_t>(std::count_if(out_.begin(), out_.end(), [&](const Action& action) {
            const auto* emitted = std::get_if<EmitEvent>(&action);
            const auto* drop = emitted != nullptr ? std::get_if<DroppedEvent>(&emitted->event) : nullptr;
            return drop != nullptr && drop->reason == reason;
        }));
    }
    bool emitted_role(Role role, std::string_view reason) const {
        return std::any_of(out_.begin(), out_.end(), [&](const Action& action) {
            const auto* emitted = std::get_if<EmitEvent>(&action);
            const auto* event = emitted != nullptr ? std::get_if<RoleEvent>(&emitted->event) : nullptr;
            return event != nullptr && event->role == role && event->reason == reason;
        });
    }

    std::unique_ptr<CandidateCore> core_;
    RawTime now_ = kStart;
    Actions out_;
};

ElectorMemory follower() {
    return {.term = 1,
            .voted_for = {},
            .committee = {1, 3, {{node_id("m1"), 1}, {node_id("m2"), 1}, {node_id("s1"), 1}}}};
}

TEST_F(CandidateCoreTest, AGreetingWithAnEndpointThatCannotBeIsRefusedByName) {
    begin();
    for (const char* poll : {"foo", "inproc://m9", "tcp://m9:0", "tcp://*:0"}) {
        Hello bad = hello(7);
        bad.candidate = info("m9");
        bad.candidate->poll = *Url::from(poll);
        out_ = {};
        core_->on_route_message(5, from("m9", 0, bad), now_, out_);
        EXPECT_EQ(dropped("bad-endpoint"), 1U) << poll;
        EXPECT_TRUE(core_->master().roster().members().empty()) << poll;
        const auto sent = std::find_if(out_.begin(), out_.end(), [](const Action& action) {
            return std::holds_alternative<SendToRoute>(action);
        });
        ASSERT_NE(sent, out_.end()) << poll;
        const auto* refusal = std::get_if<Refuse>(&std::get<SendToRoute>(*sent).message.body);
        ASSERT_NE(refusal, nullptr) << poll;
        EXPECT_EQ(refusal->kind, RefuseKind::not_allowed);
        EXPECT_NE(refusal->reason.str().find(poll), std::string::npos) << refusal->reason.str();
    }
}

TEST_F(CandidateCoreTest, ThatKnowsNoTermTakesOneFromMoreThanAThirdOfItsMembersAndHearsThemAllFirst) {
    begin();
    greet(1, "s1", 9);
    EXPECT_EQ(core_->election().term(), 0U) << "the first to come may lie";
    for (Route route = 2; route <= 6; ++route) greet(route, "s" + std::to_string(route), 0);
    run(milliseconds{1300});
    greet(1, "s1", 9);
    EXPECT_EQ(core_->election().term(), 0U) << "one of six";
    greet(2, "s2", 9);
    EXPECT_EQ(core_->election().term(), 0U) << "a third";
    greet(3, "s3", 9);
    EXPECT_EQ(core_->election().term(), 9U);
}

TEST_F(CandidateCoreTest, ThatKnowsNoTermBelievesNoneFromWhichNoElectionsAreLeft) {
    begin();
    run(milliseconds{1300});
    greet(1, "s1", kTermToldFirstMax + 1);
    EXPECT_EQ(core_->election().term(), 0U);
    greet(1, "s1", kTermToldFirstMax);
    EXPECT_EQ(core_->election().term(), kTermToldFirstMax);
}

TEST_F(CandidateCoreTest, HandingOverFreesItsOwnVoteForItsSuccessor) {
    begin();
    greet(1, "m2", 0);
    run(milliseconds{2400});
    ASSERT_TRUE(core_->election().leads());
    answer_polls(1, "m2");
    core_->on_link_message(
        0, Via::dealer,
        from("m2", 0, VoteRequest{.incarnation = 1, .committee_term = 1, .committee_version = 1}), now_,
        out_);
    EXPECT_TRUE(sent_to_link<Grant>().empty()) << "as long as it leads it hears itself";
    core_->resign(now_, out_);
    EXPECT_TRUE(core_->vote_needed(now_)) << "the only voter";
    core_->on_link_message(
        0, Via::dealer,
        from("m2", 2, VoteRequest{.incarnation = 1, .committee_term = 1, .committee_version = 1}), now_,
        out_);
    ASSERT_EQ(sent_to_link<Grant>().size(), 1U);
    EXPECT_EQ(core_->slave().elector().memory().voted_for, node_id("m2"));
}

TEST_F(CandidateCoreTest, MasterWhoseMachineSleptStepsDownBeforeItSendsAnything) {
    begin();
    greet(1, "s1", 0);
    run(milliseconds{2400});
    ASSERT_TRUE(core_->election().leads());
    core_->slave().disrupt("the machine was suspended", out_);
    out_.clear();
    run(milliseconds{100});
    EXPECT_FALSE(core_->election().leads());
    EXPECT_FALSE(core_->master().running());
    EXPECT_TRUE(emitted_role(Role::listen, "the machine was suspended"));
    for (const Action& action : out_) {
        const auto* published = std::get_if<Publish>(&action);
        EXPECT_TRUE(published == nullptr || std::holds_alternative<StepDown>(published->message.body));
    }
    run(seconds{1});
    EXPECT_TRUE(core_->election().leads()) << "once: the only voter leads again";
}

TEST_F(CandidateCoreTest, AConnectionClaimsANewNameOnceASecondWhetherItGivesUpTheLastOneOrNot) {
    begin();
    run(milliseconds{2400});
    ASSERT_TRUE(core_->election().leads());
    out_.clear();
    for (int i = 0; i < 100; ++i) {
        const std::string name = "n" + std::to_string(i);
        greet(9, name, 1);
        if (i % 2 == 0) core_->on_route_message(9, from(name, 1, Bye{7}), now_, out_);
        run(milliseconds{30});
    }
    const auto joined = std::count_if(out_.begin(), out_.end(), [](const Action& action) {
        const auto* emitted = std::get_if<EmitEvent>(&action);
        const auto* member = emitted != nullptr ? std::get_if<MemberEvent>(&emitted->event) : nullptr;
        return member != nullptr && member->joined;
    });
    EXPECT_EQ(joined, 3) << "in three seconds";
    EXPECT_GE(dropped("joins-too-often"), 90U);
    out_.clear();
    for (Route route = 100; route < 150; ++route) greet(route, "s" + std::to_string(route), 1);
    EXPECT_EQ(dropped("joins-too-often"), 0U) << "a wave of nodes";
}

TEST_F(CandidateCoreTest, MemberThatBecomesAnotherClockManyTimesASecondIsTakenInTwiceASecondAtMost) {
    begin();
    run(milliseconds{2400});
    ASSERT_TRUE(core_->election().leads());
    for (Generation generation = 1; generation <= 20; ++generation) {
        core_->on_unreachable(1, out_);  // not even so
        greet(1, "s1", 1, generation);
        greet(2, "s2", 1, generation);
        run(milliseconds{50});
    }
    // s2's route lives, and each of its new clocks comes over it.
    EXPECT_GE(dropped("rejoins-too-often"), 15U);
    EXPECT_EQ(core_->master().roster().members().at(node_id("s2"))->generation, 11U);
}

TEST_F(CandidateCoreTest, StandbyToldOfALaterTermBySlavesAnswersWhoeverPollsInIt) {
    begin(follower());
    Heartbeat beat;
    beat.role = Role::master;
    beat.committee = follower().committee;
    core_->on_link_message(0, Via::heartbeat, from("m2", 1, beat), now_, out_);
    ASSERT_EQ(core_->election().leader(), node_id("m2"));
    greet(1, "s1", 2);  // it has voted for m3, and does not know yet whether that leads
    ASSERT_EQ(core_->election().term(), 2U);
    out_.clear();
    core_->on_link_message(0, Via::dealer, from("m3", 2, Poll{1, 0, 99}), now_, out_);
    EXPECT_EQ(sent_to_link<Reply>().size(), 1U);
    EXPECT_EQ(dropped("not-leader"), 0U);
    EXPECT_EQ(core_->election().leader(), node_id("m3"));
}

TEST_F(CandidateCoreTest, ACandidateIsForgottenOnRequestOnlyOnceItIsSilentAndNotByAMember) {
    begin();
    greet(1, "m2", 0);
    const auto answer = [&](Route route, const char* id) {
        out_.clear();
        core_->on_route_message(route, from("ctl", 0, Forget{node_id(id)}), now_, out_);
        for (const Action& action : out_) {
            const auto* sent = std::get_if<SendToRoute>(&action);
            if (sent == nullptr || sent->route != route) continue;
            const auto* refuse = std::get_if<Refuse>(&sent->message.body);
            return refuse == nullptr ? std::string("done") : refuse->reason.str();
        }
        return std::string("nothing");
    };
    EXPECT_EQ(answer(9, "m1"), "m1 is this candidate itself");
    EXPECT_EQ(answer(9, "m7"), "no candidate m7 is known here");
    EXPECT_EQ(answer(9, "m2"), "m2 is alive, so it would be known again at once: stop it first");
    EXPECT_EQ(answer(1, "m2"), "nothing") << "a member may not ask";
    run(seconds{5});
    EXPECT_EQ(answer(9, "m2"), "done");
    EXPECT_EQ(core_->slave().directory().find(node_id("m2")), nullptr);
    greet(1, "m2", 0);
    EXPECT_NE(core_->slave().directory().find(node_id("m2")), nullptr) << "it speaks again";
}

}  // namespace
}  // namespace berkeley
