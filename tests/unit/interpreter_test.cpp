// The rules by which actions are carried out, whatever world is behind the ports.

#include "slave/interpreter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace berkeley {
namespace {

/// Says nothing by itself; notes what it is told.
class QuietNode final : public Node {
public:
    void start(RawTime, Actions&) override {}
    void on_link_message(Link, Via, const Message&, RawTime, Actions&) override {}
    void on_sent(std::uint64_t token, RawTime t1) override {
        noted.push_back("sent " + std::to_string(token) + " at " + std::to_string(to_ns(t1)));
    }
    void on_unreachable(Route route, Actions& out) override {
        out.add(EmitEvent{MemberEvent{node_id("s" + std::to_string(route)), false, "gone"}});
    }
    void on_timer(RawTime, Actions&) override {}
    RawTime next_deadline() const override { return RawTime::max(); }
    void stop(RawTime, Actions&) override {}
    SlaveCore& slave() override { return core_; }
    const SlaveCore& slave() const override { return core_; }

    std::vector<std::string> noted;

private:
    static SlaveCoreOptions options() {
        SlaveCoreOptions options;
        options.cluster = node_id("c");
        options.id = node_id("s1");
        return options;
    }
    SlaveCore core_{options(), Prng{1}, RawTime{}, ClusterTime{}, {}};
};

class ScriptedPorts final : public Ports {
public:
    RouteSend send(Route route, const Message&, bool stamped) override {
        done.push_back("route " + std::to_string(route) + (stamped ? " stamped" : ""));
        return {route == 9 ? RouteSend::Outcome::gone : RouteSend::Outcome::sent, from_ns<RawTime>(77)};
    }
    void send(Link link, const Message&) override { done.push_back("link " + std::to_string(link)); }
    void publish(Channel, const Message&) override { done.push_back("publish"); }
    void connect(Link link, const Url& poll) override {
        done.push_back("connect " + std::to_string(link) + " " + poll.str());
    }
    void subscribe(Link link, const Url&, const Url&) override {
        done.push_back("subscribe " + std::to_string(link));
    }
    void drop(Link link) override { done.push_back("drop " + std::to_string(link)); }
    void publish_clock() override { done.push_back("clock"); }
    Saved save() override {
        done.push_back("save");
        return saved;
    }
    void save_learned() override { done.push_back("learned"); }
    void tell(const Event& event) override {
        if (const auto* drop = std::get_if<DroppedEvent>(&event)) {
            done.push_back("dropped " + std::string(drop->reason));
        } else if (const auto* member = std::get_if<MemberEvent>(&event)) {
            done.push_back(member->id.str() + " " + member->reason);
        }
    }
    RawTime now() override { return at; }
    bool slept() override { return asleep; }

    std::vector<std::string> done;
    Saved saved;
    RawTime at = from_ns<RawTime>(1000);
    bool asleep = false;
};

class InterpreterTest : public ::testing::Test {
protected:
    using Done = std::vector<std::string>;

    Message message(Body body) { return node_.slave().make(std::move(body)); }
    Publish correction(RawTime not_after) {
        return {Channel::publish, message(Correction{.target = node_id("s2")}), not_after};
    }
    Done carry_out(const Actions& actions) {
        ports_.done.clear();
        EXPECT_EQ(hands_.carry_out(actions), std::nullopt);
        return ports_.done;
    }
    Done carry_out(Action action) {
        Actions actions;
        std::visit([&](auto& a) { actions.add(std::move(a)); }, action);
        return carry_out(actions);
    }

    QuietNode node_;
    ScriptedPorts ports_;
    Interpreter hands_{node_, ports_};
};

TEST_F(InterpreterTest, ActionsReachTheirPortsInOrder) {
    Actions actions;
    actions.add(ConnectLink{1, *Url::from("tcp://10.0.0.1:5250")});
    actions.add(SubscribeLink{1, {}, {}});
    actions.add(SendToLink{1, message(Bye{})});
    actions.add(PublishClock{});
    actions.add(SaveLearned{});
    actions.add(DropLink{1});
    EXPECT_EQ(carry_out(actions),
              (Done{"connect 1 tcp://10.0.0.1:5250", "subscribe 1", "link 1", "clock", "learned", "drop 1"}));
}

TEST_F(InterpreterTest, OnlyAMessageWithATokenIsStampedAndTheStampComesBack) {
    EXPECT_EQ(carry_out(SendToRoute{3, message(Bye{}), 0}), Done{"route 3"});
    EXPECT_TRUE(node_.noted.empty());
    EXPECT_EQ(carry_out(SendToRoute{3, message(Bye{}), 5}), Done{"route 3 stamped"});
    EXPECT_EQ(node_.noted, Done{"sent 5 at 77"});
}

TEST_F(InterpreterTest, TheNodeHearsThatAPeerIsGoneAndWhatItAnswersIsCarriedOut) {
    EXPECT_EQ(carry_out(SendToRoute{9, message(Bye{}), 5}), (Done{"route 9 stamped", "s9 gone"}));
    EXPECT_TRUE(node_.noted.empty());
}

TEST_F(InterpreterTest, ACorrectionLeavesOnlyBeforeItsLeaseEnds) {
    EXPECT_EQ(carry_out(correction(ports_.at + Duration{1})), Done{"publish"});
    EXPECT_EQ(carry_out(correction(ports_.at)), Done{"dropped lease-expired"});
    EXPECT_EQ(carry_out(correction(RawTime::max())), Done{"publish"});
}

TEST_F(InterpreterTest, AfterASleepNoCorrectionLeavesButOtherMessagesDo) {
    ports_.asleep = true;
    EXPECT_EQ(carry_out(correction(RawTime::max())), Done{"dropped suspended"});
    EXPECT_EQ(carry_out(Publish{Channel::heartbeat, message(Heartbeat{})}), Done{"publish"});
}

TEST_F(InterpreterTest, APromiseThatCouldNotBeSavedIsNotMadeUntilASaveSucceeds) {
    Actions vote;
    vote.add(SaveState{});
    vote.add(SendToLink{0, message(Grant{})});
    vote.add(SendToLink{1, message(Ack{})});
    vote.add(SendToLink{2, message(Bye{})});
    ports_.saved = {Saved::Outcome::failed, "no space left"};
    EXPECT_EQ(carry_out(vote), (Done{"save", "link 2"}));
    EXPECT_EQ(carry_out(SendToLink{0, message(Grant{})}), Done{});
    ports_.saved = {};
    EXPECT_EQ(carry_out(vote), (Done{"save", "link 0", "link 1", "link 2"}));
}

TEST_F(InterpreterTest, ASaveThatTakesLongerHoldsUpWhatStandsBehindIt) {
    Actions vote;
    vote.add(PublishClock{});
    vote.add(SaveState{});
    vote.add(SendToLink{0, message(Grant{})});
    ports_.saved = {Saved::Outcome::later, {}};
    EXPECT_EQ(hands_.carry_out(vote), 2U);
    EXPECT_EQ(ports_.done, (Done{"clock", "save"}));
    hands_.on_saved({});
    EXPECT_EQ(hands_.carry_out(vote, 2), std::nullopt);
    EXPECT_EQ(ports_.done, (Done{"clock", "save", "link 0"}));
}

}  // namespace
}  // namespace berkeley
