// What a program's shell does by itself with what its core asks for. The shell owns its process's signals and
// streams, so each test runs in a child, and looks at what that one said.

#include "node/node_shell.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

SlaveCoreOptions core_options(bool votes) {
    SlaveCoreOptions options;
    options.votes = votes;
    options.cluster = node_id("c");
    options.id = node_id("s1");
    return options;
}

/// Does one thing when its first timer fires, and asks its process to end.
class OneShot final : public Node {
public:
    using Do = std::function<void(SlaveCore&, RawTime, Actions&)>;
    OneShot(Do first, Do last, bool votes, RawTime now)
        : first_(std::move(first)),
          last_(std::move(last)),
          core_(core_options(votes), Prng{1}, now, {}, {}) {}

    void start(RawTime, Actions&) override {}
    void on_link_message(Link, Via, const Message&, RawTime, Actions&) override {}
    void on_timer(RawTime now, Actions& out) override {
        if (std::exchange(fired_, true)) {
            const bool doubts = core_.elector().doubts();
            out.add(EmitEvent{NoteEvent{Severity::info, doubts ? "fired again, in doubt" : "fired again"}});
            return;
        }
        first_(core_, now, out);
        std::raise(SIGTERM);
    }
    RawTime next_deadline() const override { return fired_ ? RawTime::max() : RawTime::min(); }
    void stop(RawTime now, Actions& out) override { last_(core_, now, out); }
    SlaveCore& slave() override { return core_; }
    const SlaveCore& slave() const override { return core_; }

private:
    Do first_;
    Do last_;
    SlaveCore core_;
    bool fired_ = false;
};

void nothing(SlaveCore&, RawTime, Actions&) {}

Publish correction(const SlaveCore& core, RawTime not_after) {
    return {Channel::publish, core.make(Correction{.target = node_id("s2")}), not_after};
}

void say(std::string text, Actions& out) { out.add(EmitEvent{NoteEvent{Severity::info, std::move(text)}}); }

Duration asleep{0};
SuspendDetector::Reading sleepy() { return {Duration{1}, Duration{1} + asleep, Duration{1}}; }

class NodeShellTest : public ::testing::Test {
protected:
    NodeOptions options() const {
        NodeOptions o;
        o.id = node_id("s1");
        o.cluster = node_id("c");
        o.state_dir = directory_.path();
        return o;
    }
    [[noreturn]] static void run(const NodeOptions& options, OneShot::Do first, OneShot::Do last = nothing) {
        const auto shell = NodeShell::create(options, std::nullopt, SuspendDetector{sleepy});
        if (!shell) std::exit(kRefused);
        OneShot node(std::move(first), std::move(last), (*shell)->core_options().votes, (*shell)->now());
        std::exit((*shell)->run(node, {}));
    }
    static constexpr int kRefused = 99;
    static constexpr auto kEnded = [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; };

    TemporaryDirectory directory_;
};

TEST_F(NodeShellTest, CorrectionWhoseLeaseRanOutBeforeItLeavesIsDropped) {
    const auto late = [](const SlaveCore& core, RawTime now, Actions& out) {
        out.add(correction(core, now));
    };
    EXPECT_EXIT(run(options(), late), kEnded, "dropped 1 message: lease-expired");
}

TEST_F(NodeShellTest, CorrectionThatIsInTimeLeavesAndSoDoesWhatNeedsNoLease) {
    const auto in_time = [](const SlaveCore& core, RawTime now, Actions& out) {
        out.add(correction(core, now + std::chrono::hours{1}));
        out.add(Publish{Channel::publish, core.make(StepDown{})});
        say("published", out);
    };
    EXPECT_EXIT(run(options(), in_time), kEnded, "s1: ready\n[^\n]*s1: published");
}

TEST_F(NodeShellTest, CorrectionsThatAreOnTheirWayWhenTheMachineSleepsDoNotLeaveAndTheCoreIsToldOfTheSleep) {
    // After the shell last looked, and before the first leaves.
    const auto sleeps = [](const SlaveCore& core, RawTime, Actions& out) {
        asleep = std::chrono::hours{1};
        for (int i = 0; i < 2; ++i) out.add(correction(core, RawTime::max()));
    };
    const auto asks = [](SlaveCore& core, RawTime, Actions& out) {
        say(core.elector().take_doubt() ? "doubts" : "trusts", out);
    };
    EXPECT_EXIT(run(options(), sleeps, asks), kEnded,
                "dropped 1 message: suspended\n[^\n]*fired again, in doubt\n[^\n]*doubts");
}

TEST_F(NodeShellTest,
       AfterASleepTheTimersComeFirstThoughNoneIsDueSoThatALeaderStepsDownBeforeItHearsAnything) {
    const auto sleeps = [](const SlaveCore&, RawTime, Actions&) { asleep = std::chrono::hours{1}; };
    EXPECT_EXIT(run(options(), sleeps), kEnded, "fired again, in doubt");
    EXPECT_EXIT(run(options(), nothing), kEnded, "ready\n[^\n]*exit 0") << "awake";
}

TEST_F(NodeShellTest, MachineWhoseClockCannotBeRightIsToldOf) {
    NodeOptions old = options();
    old.clock_offset = -std::chrono::hours{24 * 3650};
    EXPECT_EXIT(run(old, nothing), kEnded, "this machine's clock shows 20[0-9-]+ [^\n]*cannot be right");
}

TEST_F(NodeShellTest, NodeWithANameOfThisRunOnlyGivesNoVote) {
    const auto asks = [](const SlaveCore& core, RawTime, Actions& out) {
        say(core.elector().disabled() ? "no vote" : "a vote", out);
    };
    EXPECT_EXIT(run(options(), asks), kEnded, "a vote");
    NodeOptions made_up = options();
    made_up.id_is_of_process = true;
    EXPECT_EXIT(run(made_up, asks), kEnded, "no vote");
    NodeOptions told = options();
    told.votes = false;
    EXPECT_EXIT(run(told, asks), kEnded, "no vote") << "--no-vote";
}

TEST_F(NodeShellTest, StateOfAnotherNamesRunBelongsToNobody) {
    EXPECT_EXIT(run(options(), nothing), kEnded, "");
    NodeOptions other = options();
    other.id = node_id("s2");
    EXPECT_EXIT(run(other, nothing), ::testing::ExitedWithCode(kRefused), "");
    other.id_is_of_process = true;
    EXPECT_EXIT(run(other, nothing), kEnded, "");
}

}  // namespace
}  // namespace berkeley
