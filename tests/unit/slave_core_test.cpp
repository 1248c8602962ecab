// The slave's side of the protocol, above all the fence: which corrections must not be applied.

#include "slave/slave_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(9'000'000'000);

template <class A>
const A* first(const Actions& actions) {
    for (const Action& action : actions) {
        if (const auto* found = std::get_if<A>(&action)) return found;
    }
    return nullptr;
}

template <class E>
const E* first_event(const Actions& actions) {
    for (const Action& action : actions) {
        const auto* emitted = std::get_if<EmitEvent>(&action);
        if (emitted == nullptr) continue;
        if (const auto* found = std::get_if<E>(&emitted->event)) return found;
    }
    return nullptr;
}

/// A slave that follows m1 in term 3, has answered round 7 and never applied anything.
class SlaveCoreTest : public ::testing::Test {
protected:
    SlaveCoreTest() : core_(options(), Prng{1}, kStart, from_ns<ClusterTime>(1'700'000'000'000'000'000), {}) {
        Actions out;
        core_.start(kStart, out);
        welcome("m1", out);
        poll(0, "m1", 3, 7);
    }

    static SlaveCoreOptions options() {
        SlaveCoreOptions o;
        o.cluster = node_id("c");
        o.id = node_id("s1");
        o.masters = {*Url::from("tcp://m1:1")};
        return o;
    }

    static CandidateInfo info(const std::string& id) {
        return {node_id(id), 100, *Url::from("tcp://" + id + ":1"), *Url::from("tcp://" + id + ":2"),
                *Url::from("tcp://" + id + ":3")};
    }

    static Message from(const std::string& sender, Term term, Body body) {
        return {{node_id("c"), node_id(sender), term}, std::move(body)};
    }

    void welcome(const std::string& id, Actions& out) {
        Welcome w;
        w.generation = core_.generation();
        w.role = Role::master;
        w.interval = seconds{1};
        w.candidates = {info(id), info(id == "m1" ? "m2" : "m1")};
        core_.on_message(0, Via::dealer, from(id, 3, w), kStart, out);
    }

    Actions poll(Link link, const std::string& sender, Term term, Round round) {
        Actions out;
        core_.on_message(link, Via::dealer, from(sender, term, Poll{round, 0, 99}), kStart, out);
        return out;
    }

    Correction correction() const {
        Correction c;
        c.round = 7;
        c.target = node_id("s1");
        c.generation = core_.generation();
        c.measured_at = kStart;
        c.correction = milliseconds{1};
        c.bound = microseconds{60};
        return c;
    }

    Actions deliver(const Correction& c, const std::string& sender = "m1", Term term = 3, Link link = 0,
                    RawTime at = kStart + milliseconds{10}, Via via = Via::publish) {
        Actions out;
        core_.on_message(link, via, from(sender, term, c), at, out);
        return out;
    }

    SlaveCore core_;
};

TEST_F(SlaveCoreTest, AppliesACorrectionThatMeetsEveryCondition) {
    const Actions out = deliver(correction());
    const auto* event = first_event<CorrectionEvent>(out);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(event->round, 7U);
    EXPECT_NE(first<PublishClock>(out), nullptr);
    EXPECT_EQ(core_.applied_round(), 7U);
    EXPECT_EQ(core_.applied_term(), 3U);
}

TEST_F(SlaveCoreTest, FenceDropsEveryOtherCorrectionByReason) {
    struct Case {
        const char* reason;
        std::function<Actions()> deliver;
    };
    const auto changed = [&](auto change) {
        Correction c = correction();
        change(c);
        return c;
    };
    const std::vector<Case> cases{
        {"wrong-target", [&] { return deliver(changed([](auto& c) { c.target = node_id("s10"); })); }},
        {"old-term", [&] { return deliver(correction(), "m1", 2); }},
        {"unknown-term", [&] { return deliver(correction(), "m1", 4); }},
        {"not-leader", [&] { return deliver(correction(), "m2", 3); }},
        {"not-leader", [&] { return deliver(correction(), "m1", 3, 1); }},
        {"generation", [&] { return deliver(changed([](auto& c) { ++c.generation; })); }},
        {"round-not-answered", [&] { return deliver(changed([](auto& c) { c.round = 8; })); }},
        {"stale-basis", [&] { return deliver(changed([](auto& c) { c.basis_round = 1; })); }},
        {"measured-in-future",
         [&] { return deliver(changed([](auto& c) { c.measured_at = kStart + seconds{1}; })); }},
        {"late", [&] { return deliver(correction(), "m1", 3, 0, kStart + seconds{2} + Duration{1}); }},
        {"unexpected-type",
         [&] { return deliver(correction(), "m1", 3, 0, kStart + milliseconds{10}, Via::dealer); }},
    };
    for (const Case& c : cases) {
        const Actions out = c.deliver();
        const auto* dropped = first_event<DroppedEvent>(out);
        ASSERT_NE(dropped, nullptr) << c.reason;
        EXPECT_EQ(dropped->reason, c.reason);
        EXPECT_EQ(first_event<CorrectionEvent>(out), nullptr) << c.reason;
        EXPECT_EQ(core_.applied_round(), 0U) << c.reason;
    }
}

TEST_F(SlaveCoreTest, AppliesNoRoundTwiceAndNoneOutOfOrder) {
    poll(0, "m1", 3, 8);
    Correction eight = correction();
    eight.round = 8;
    ASSERT_NE(first_event<CorrectionEvent>(deliver(eight)), nullptr);
    for (const Round round : {Round{8}, Round{7}}) {
        Correction again = correction();
        again.round = round;
        again.basis_term = 3;
        again.basis_round = 8;
        const Actions out = deliver(again);
        ASSERT_NE(first_event<DroppedEvent>(out), nullptr);
        EXPECT_EQ(first_event<DroppedEvent>(out)->reason, "old-round");
    }
}

TEST_F(SlaveCoreTest, RepliesWithItsMapAndTheLastCorrectionApplied) {
    deliver(correction());
    const Actions out = poll(0, "m1", 3, 8);
    const auto* sent = first<SendToLink>(out);
    ASSERT_NE(sent, nullptr);
    const auto& reply = std::get<Reply>(sent->message.body);
    EXPECT_EQ(reply.round, 8U);
    EXPECT_EQ(reply.token, 99U);
    EXPECT_EQ(reply.applied_term, 3U);
    EXPECT_EQ(reply.applied_round, 7U);
    EXPECT_EQ(reply.map.target(kStart), core_.discipline().map().target(kStart));
}

TEST_F(SlaveCoreTest, FollowsANewerTermAndRefusesTheOldMaster) {
    Actions out = poll(1, "m2", 4, 1);
    ASSERT_NE(first<SendToLink>(out), nullptr);
    EXPECT_EQ(core_.leader(), node_id("m2"));
    EXPECT_EQ(core_.term(), 4U);
    out = poll(0, "m1", 3, 8);
    const auto* sent = first<SendToLink>(out);
    ASSERT_NE(sent, nullptr);
    EXPECT_EQ(std::get<Refuse>(sent->message.body).kind, RefuseKind::old_term);
    EXPECT_EQ(sent->message.header.term, 4U);
}

TEST_F(SlaveCoreTest, OfTwoMastersOfOneTermFollowsTheFirst) {
    const Actions out = poll(1, "m2", 3, 8);
    EXPECT_EQ(first<SendToLink>(out), nullptr);
    ASSERT_NE(first_event<DroppedEvent>(out), nullptr);
    EXPECT_EQ(first_event<DroppedEvent>(out)->reason, "not-leader");
}

TEST_F(SlaveCoreTest, AcknowledgesNoHeartbeatWhoseLeaseWouldOutlastItsOwnSilence) {
    struct Case {
        Duration timeout;
        bool acknowledged;
        bool warned;
    };
    // In turn: each warning comes once, and anew when the other side has changed.
    const Case cases[] = {
        {milliseconds{500}, true, false}, {milliseconds{501}, false, true}, {milliseconds{501}, false, false},
        {milliseconds{100}, true, true},  {milliseconds{100}, true, false}, {milliseconds{500}, true, false},
    };
    std::uint64_t sequence = 0;
    for (const Case& c : cases) {
        Heartbeat beat;
        beat.sequence = ++sequence;
        beat.role = Role::master;
        beat.committee = {3, 1, {{node_id("m1"), 1}}};
        beat.timeout = c.timeout;
        Actions out;
        core_.on_message(0, Via::heartbeat, from("m1", 3, beat), kStart, out);
        const auto* sent = first<SendToLink>(out);
        EXPECT_EQ(sent != nullptr && std::holds_alternative<Ack>(sent->message.body), c.acknowledged)
            << sequence;
        const auto* note = first_event<NoteEvent>(out);
        EXPECT_EQ(note != nullptr && note->severity == Severity::warning, c.warned) << sequence;
    }
}

TEST_F(SlaveCoreTest, ALearnerDoesNotAcknowledgeALeaderInWarmup) {
    Heartbeat beat;
    beat.sequence = 1;
    beat.committee = {3, 1, {{node_id("m1"), 1}}};
    beat.timeout = milliseconds{500};
    const auto acknowledged = [&](Role role) {
        beat.role = role;
        Actions out;
        core_.on_message(0, Via::heartbeat, from("m1", 3, beat), kStart, out);
        const auto* sent = first<SendToLink>(out);
        return sent != nullptr && std::holds_alternative<Ack>(sent->message.body);
    };
    EXPECT_FALSE(acknowledged(Role::warmup)) << "its disk would hold up the first round";
    EXPECT_TRUE(acknowledged(Role::master));
    beat.committee = {3, 2, {{node_id("m1"), 1}, {node_id("s1"), 0}}};
    EXPECT_TRUE(acknowledged(Role::warmup)) << "the lease rests on it as a voter";
}

TEST_F(SlaveCoreTest, SavesItsVoteBeforeItGivesIt) {
    Actions out;
    core_.on_message(1, Via::dealer, from("m2", 4, VoteRequest{}), kStart, out);
    std::vector<std::string> order;
    for (const Action& action : out) {
        if (std::holds_alternative<SaveState>(action)) order.emplace_back("save");
        const auto* sent = std::get_if<SendToLink>(&action);
        if (sent != nullptr && std::holds_alternative<Grant>(sent->message.body)) order.emplace_back("grant");
    }
    EXPECT_EQ(order, (std::vector<std::string>{"save", "grant"}));
}

TEST_F(SlaveCoreTest, AfterADisruptionNothingThatWasMeasuredBeforeIsApplied) {
    const Correction before = correction();
    Actions out;
    core_.disrupt("the machine was suspended", out);
    poll(0, "m1", 3, 7);
    const Actions late = deliver(before);
    ASSERT_NE(first_event<DroppedEvent>(late), nullptr);
    EXPECT_EQ(first_event<DroppedEvent>(late)->reason, "generation");
    EXPECT_NE(first_event<CorrectionEvent>(deliver(correction())), nullptr) << "measured anew";
}

/// Its virtual machine was paused for longer than --max-correction: it does not refuse its master for ever.
TEST_F(SlaveCoreTest, AClockThatItsOwnMasterFindsFarOffForThreeRoundsHasJumped) {
    ASSERT_NE(first_event<CorrectionEvent>(deliver(correction())), nullptr);
    const Generation generation = core_.generation();
    const auto far = [&](Round round) {
        poll(0, "m1", 3, round);
        Correction c = correction();
        c.round = round;
        c.basis_term = core_.applied_term();
        c.basis_round = core_.applied_round();
        c.correction = seconds{5000};
        return first_event<CorrectionEvent>(deliver(c))->applied;
    };
    EXPECT_EQ(far(8), Applied::refused);
    EXPECT_EQ(far(9), Applied::refused);
    EXPECT_EQ(far(9), Applied::refused) << "delivered twice, it is one round";
    EXPECT_EQ(core_.generation(), generation);
    EXPECT_EQ(core_.status(), ClockStatus::unsynchronized);
    EXPECT_EQ(far(10), Applied::refused);
    EXPECT_NE(core_.generation(), generation) << "no measurement of the clock before counts";
    EXPECT_EQ(core_.status(), ClockStatus::disrupted);
    EXPECT_EQ(far(11), Applied::step);
    EXPECT_EQ(core_.status(), ClockStatus::synchronized);
}

TEST_F(SlaveCoreTest, AMasterThatNeverCorrectedThisClockIsRefusedForEver) {
    ASSERT_NE(first_event<CorrectionEvent>(deliver(correction())), nullptr);
    for (Round round = 1; round < 20; ++round) {
        poll(0, "m1", 4, round);
        Correction c = correction();
        c.round = round;
        c.basis_term = core_.applied_term();
        c.basis_round = core_.applied_round();
        c.correction = seconds{5000};
        EXPECT_EQ(first_event<CorrectionEvent>(deliver(c, "m1", 4))->applied, Applied::refused);
    }
}

TEST_F(SlaveCoreTest, ARoundThatFindsItsClockFalseIsRememberedUntilOneDoesNot) {
    const auto judged = [&](Round round, bool outlier, Duration after) {
        poll(0, "m1", 3, round);
        Correction c = correction();
        c.round = round;
        c.basis_term = core_.applied_term();
        c.basis_round = core_.applied_round();
        c.outlier = outlier;
        EXPECT_NE(first<PublishClock>(deliver(c, "m1", 3, 0, kStart + after)), nullptr);
    };
    EXPECT_FALSE(core_.suspect_since());
    judged(8, true, milliseconds{10});
    EXPECT_EQ(core_.suspect_since(), kStart + milliseconds{10});
    judged(9, true, milliseconds{20});
    EXPECT_EQ(core_.suspect_since(), kStart + milliseconds{10}) << "since the first";
    judged(10, false, milliseconds{30});
    EXPECT_FALSE(core_.suspect_since());
}

TEST_F(SlaveCoreTest, ConnectsToEveryCandidateThatItIsToldOf) {
    EXPECT_EQ(core_.directory().entries().size(), 2U);
    Actions out;
    welcome("m1", out);
    EXPECT_EQ(first<ConnectLink>(out), nullptr) << "known ones are not connected again";
}

TEST_F(SlaveCoreTest, AWildcardIsCompletedByTheHostOfTheLinkThatWelcomedIt) {
    Welcome w;
    w.generation = core_.generation();
    w.candidates = {info("m1")};
    w.candidates.front().publish = *Url::from("tcp://*:7");
    w.candidates.front().heartbeat = *Url::from("tcp://0.0.0.0:8");
    Actions out;
    core_.on_message(0, Via::dealer, from("m1", 3, w), kStart, out);
    ASSERT_NE(first<SubscribeLink>(out), nullptr);
    EXPECT_EQ(first<SubscribeLink>(out)->publish.view(), "tcp://m1:7");
    EXPECT_EQ(core_.directory().entries().front().info.heartbeat.view(), "tcp://m1:8");
}

TEST_F(SlaveCoreTest, GossipOfAnEndpointThatCannotBeIsDroppedAndNamed) {
    Heartbeat beat;
    beat.role = Role::master;
    beat.candidates = {info("m1"), info("m3")};
    beat.candidates.back().poll = *Url::from("inproc://m3");
    Actions out;
    core_.on_message(0, Via::heartbeat, from("m1", 3, beat), kStart, out);
    EXPECT_EQ(core_.directory().entries().size(), 2U) << "m1 and m2";
    ASSERT_NE(first_event<DroppedEvent>(out), nullptr);
    EXPECT_EQ(first_event<DroppedEvent>(out)->reason, "bad-endpoint");
    EXPECT_EQ(first_event<DroppedEvent>(out)->from,
              "m1 at tcp://m1:1: the poll endpoint of m3, 'inproc://m3', is in another process");
}

TEST_F(SlaveCoreTest, AWelcomeWhoseSenderCannotBeReachedIsNone) {
    Welcome w;
    w.generation = core_.generation();
    w.candidates = {info("m1"), info("m3")};
    w.candidates.front().publish = *Url::from("foo");
    Actions out;
    core_.on_message(0, Via::dealer, from("m1", 3, w), kStart, out);
    EXPECT_EQ(first<ConnectLink>(out), nullptr) << "m3";
    EXPECT_EQ(core_.directory().entries().front().info.publish.view(), "tcp://m1:2");
}

/// Polls the slave once a second, as the leader of term 3, and returns what it did in each round.
class DeadEndTest : public SlaveCoreTest {
protected:
    Actions round(const std::function<void(RawTime)>& meanwhile = [](RawTime) {}) {
        Actions out;
        now_ += seconds{1};
        meanwhile(now_);
        core_.on_message(0, Via::dealer, from("m1", 3, Poll{++round_, 0, 99}), now_, out);
        return out;
    }
    static const DeadEndEvent* told(const Actions& out) { return first_event<DeadEndEvent>(out); }
    void hear_round(RawTime now) {
        Actions out;
        core_.on_message(0, Via::publish, from("m1", 3, RoundNotice{round_}), now, out);
    }
    void hear_beat(RawTime now) {
        Actions out;
        Heartbeat beat;
        beat.role = Role::master;
        beat.timeout = milliseconds{500};
        core_.on_message(0, Via::heartbeat, from("m1", 3, beat), now, out);
    }
    void ask_to_listen() {
        Welcome w;
        w.generation = core_.generation();
        w.role = Role::master;
        w.interval = seconds{1};
        w.candidates = {info("m1")};
        w.listen = true;
        Actions out;
        core_.on_message(0, Via::dealer, from("m1", 3, w), now_, out);
    }

    RawTime now_ = kStart;
    Round round_ = 7;
};

TEST_F(DeadEndTest, APublishEndpointThatIsSilentForThreeRoundsIsNamedOnceAndSubscribedToAnew) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(told(round()), nullptr) << i;
    const Actions fourth = round();
    ASSERT_NE(told(fourth), nullptr);
    EXPECT_EQ(told(fourth)->way, "publish");
    EXPECT_EQ(told(fourth)->id, node_id("m1"));
    EXPECT_EQ(told(fourth)->url.view(), "tcp://m1:2");
    EXPECT_NE(told(fourth)->reason.find("tcp://m1:2"), std::string::npos);
    ASSERT_NE(first<SubscribeLink>(fourth), nullptr);
    EXPECT_EQ(first<SubscribeLink>(fourth)->publish.view(), "tcp://m1:2");
    int renewed = 0;
    for (int i = 0; i < 12; ++i) {
        const Actions later = round();
        EXPECT_EQ(told(later), nullptr);
        renewed += first<SubscribeLink>(later) != nullptr ? 1 : 0;
    }
    EXPECT_EQ(renewed, 2) << "every six seconds";
    hear_round(now_);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(told(round()), nullptr) << "it lives again";
    EXPECT_NE(told(round()), nullptr) << "and is told again";
}

TEST_F(DeadEndTest, AMasterThatPublishesIsNone) {
    for (int i = 0; i < 20; ++i) {
        const Actions out = round([this](RawTime now) { hear_round(now); });
        EXPECT_EQ(told(out), nullptr);
        EXPECT_EQ(first<SubscribeLink>(out), nullptr);
    }
}

TEST_F(DeadEndTest, AMasterThatGathersRepeatsItsRoundAndIsNone) {
    for (int i = 0; i < 20; ++i) {
        --round_;
        EXPECT_EQ(told(round()), nullptr);
    }
}

TEST_F(DeadEndTest, AHeartbeatEndpointThatIsSilentIsNamedWhereItIsListenedToAndOnlyItsSubIsMadeAnew) {
    const auto rounds = [this](RawTime now) { hear_round(now); };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(told(round(rounds)), nullptr) << "nobody asked";
    ask_to_listen();
    Actions out;
    int until_told = 0;
    for (; until_told < 5 && told(out) == nullptr; ++until_told) out = round(rounds);
    ASSERT_NE(told(out), nullptr);
    EXPECT_LE(until_told, 3);
    EXPECT_EQ(told(out)->way, "heartbeat");
    EXPECT_EQ(told(out)->url.view(), "tcp://m1:3");
    ASSERT_NE(first<SubscribeLink>(out), nullptr);
    EXPECT_EQ(first<SubscribeLink>(out)->publish.view(), "") << "the other SUB stays";
    EXPECT_EQ(first<SubscribeLink>(out)->heartbeat.view(), "tcp://m1:3");
    const auto both = [this](RawTime now) {
        hear_round(now);
        hear_beat(now);
    };
    for (int i = 0; i < 20; ++i) EXPECT_EQ(told(round(both)), nullptr);
}

TEST(SpareLink, ASecondUrlOfOneCandidateIsKeptInReserveWithoutAnError) {
    SlaveCoreOptions options;
    options.cluster = node_id("c");
    options.id = node_id("s1");
    options.masters = {*Url::from("tcp://10.0.0.1:1"), *Url::from("tcp://m1.example:1")};
    SlaveCore core(options, Prng{1}, kStart, from_ns<ClusterTime>(1'700'000'000'000'000'000), {});
    Actions out;
    core.start(kStart, out);
    const auto from_m1 = [](Body body) { return Message{{node_id("c"), node_id("m1"), 3}, std::move(body)}; };
    const CandidateInfo m1{node_id("m1"), 100, *Url::from("tcp://10.0.0.1:1"), *Url::from("tcp://10.0.0.1:2"),
                           *Url::from("tcp://10.0.0.1:3")};
    const auto welcome = [&](Link link, RawTime now) {
        Welcome w;
        w.generation = core.generation();
        w.candidates = {m1};
        core.on_message(link, Via::dealer, from_m1(w), now, out);
    };
    welcome(0, kStart);
    out.clear();
    core.on_message(1, Via::dealer, from_m1(Refuse{RefuseKind::name_in_use, core.generation(), {}}), kStart,
                    out);
    ASSERT_NE(first<DropLink>(out), nullptr);
    EXPECT_EQ(first<DropLink>(out)->link, 1);
    ASSERT_NE(first_event<NoteEvent>(out), nullptr);
    EXPECT_EQ(first_event<NoteEvent>(out)->severity, Severity::info);
    EXPECT_EQ(core.directory().entries().size(), 1U);
    // While the first works, nothing goes over the second.
    RawTime now = kStart;
    out.clear();
    while (now < kStart + seconds{60}) {
        now = core.next_deadline();
        core.on_timer(now, out);
        welcome(0, now);
    }
    for (const Action& action : out) {
        const auto* sent = std::get_if<SendToLink>(&action);
        EXPECT_TRUE(sent == nullptr || sent->link == 0);
        EXPECT_FALSE(std::holds_alternative<ConnectLink>(action));
    }
    // When it is silent, the second is tried too, and takes over.
    out.clear();
    while (now < kStart + seconds{70}) {
        now = core.next_deadline();
        core.on_timer(now, out);
    }
    const auto connects = [&](std::string_view url) {
        return std::any_of(out.begin(), out.end(), [&](const Action& action) {
            const auto* connected = std::get_if<ConnectLink>(&action);
            return connected != nullptr && connected->poll.view() == url;
        });
    };
    EXPECT_TRUE(connects("tcp://m1.example:1"));
    EXPECT_TRUE(connects("tcp://10.0.0.1:1"));
    welcome(1, now);
    out.clear();
    const RawTime end = now + seconds{20};
    while (now < end) {
        now = core.next_deadline();
        core.on_timer(now, out);
    }
    EXPECT_TRUE(connects("tcp://10.0.0.1:1")) << "the first is the spare one now";
}

TEST_F(SlaveCoreTest, SilentLinkIsConnectedAnew) {
    Actions out;
    RawTime now = kStart;
    while (now < kStart + seconds{6} && first<ConnectLink>(out) == nullptr) {
        now = core_.next_deadline();
        out.clear();
        core_.on_timer(now, out);
    }
    ASSERT_NE(first<ConnectLink>(out), nullptr);
    EXPECT_GE(now - kStart, seconds{5});
}

TEST_F(SlaveCoreTest, WelcomeForAnotherGenerationIsDropped) {
    Welcome w;
    w.generation = core_.generation() + 1;
    w.candidates = {info("m1")};
    Actions out;
    core_.on_message(0, Via::dealer, from("m1", 3, w), kStart, out);
    ASSERT_NE(first_event<DroppedEvent>(out), nullptr);
    EXPECT_EQ(first_event<DroppedEvent>(out)->reason, "generation");
}

TEST_F(SlaveCoreTest, SaysGoodbyeOnEveryLink) {
    Actions out;
    core_.stop(out);
    EXPECT_EQ(out.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<Bye>(first<SendToLink>(out)->message.body));
}

}  // namespace
}  // namespace berkeley
