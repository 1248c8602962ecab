#include "log/event_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "log/human_text.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

EventStamp at(Duration raw) { return {7, TrueTime{raw}, ClusterTime{1'700'000'000s}}; }

class EventLogTest : public ::testing::Test {
protected:
    EventLogTest() {
        EXPECT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0);
        EXPECT_EQ(::fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
        log_ = std::make_unique<EventLog>(EventLogOptions{node_id("m1"), true, LogLevel::off, pipe_[1]});
    }
    ~EventLogTest() override {
        log_.reset();
        for (const int fd : pipe_) ::close(fd);
    }

    /// What is in the pipe now.
    std::string raw_output() {
        std::string text;
        std::array<char, 65536> buffer{};
        for (ssize_t size = 0; (size = ::read(pipe_[0], buffer.data(), buffer.size())) > 0;) {
            text.append(buffer.data(), static_cast<std::size_t>(size));
        }
        return text;
    }
    std::vector<Json> lines() {
        std::vector<Json> result;
        std::istringstream text(raw_output());
        for (std::string line; std::getline(text, line);) result.push_back(Json::parse(line));
        return result;
    }
    Json line() {
        const auto all = lines();
        EXPECT_EQ(all.size(), 1U);
        return all.at(0);
    }

    std::array<int, 2> pipe_{};
    std::unique_ptr<EventLog> log_;
};

RoundEvent example_round() {
    return {17,
            RoundState::steady,
            5,
            5,
            1'200ns,
            5'300us,
            {{node_id("s1"), 3us, 90us, 45us, -2us, 12, false},
             {node_id("s3"), 4'100ms, 91us, 46us, -4s, -5, true}}};
}

TEST_F(EventLogTest, ARoundLineHasAllItsFieldsInOrder) {
    log_->log(example_round(), at(5s));
    EXPECT_EQ(raw_output(),
              R"({"event":"round","node":"m1","term":7,"raw_ns":5000000000,"cluster_ns":1700000000000000000,)"
              R"("round":17,"state":"steady","members":5,"replied":5,"average_ns":1200,"split":false,)"
              R"("outliers":["s3"],"duration_us":5300,"peers":{"s1":{"offset_ns":3000,"delay_ns":90000,)"
              R"("bound_ns":45000,"correction_ns":-2000,"freq_ppb":12},"s3":{"offset_ns":4100000000,)"
              R"("delay_ns":91000,"bound_ns":46000,"correction_ns":-4000000000,"freq_ppb":-5}}})"
              "\n");
}

TEST_F(EventLogTest, EveryOtherEventHasItsFields) {
    log_->ready({{"poll", "tcp://127.0.0.1:5250"}}, at(1s));
    Json ready = line();
    EXPECT_EQ(ready["event"], "ready");
    EXPECT_EQ(ready["endpoints"]["poll"], "tcp://127.0.0.1:5250");

    log_->log(MemberEvent{node_id("s1"), true, "new"}, at(1s));
    Json member = line();
    EXPECT_EQ(member["event"], "member");
    EXPECT_EQ(member["id"], "s1");
    EXPECT_EQ(member["change"], "joined");

    log_->log(RoleEvent{Role::warmup, "elected"}, at(1s));
    EXPECT_EQ(line()["role"], "warmup");

    log_->log(CorrectionEvent{3, -5us, 2, Applied::slew, 84us, ClockStatus::synchronized, ""}, at(1s));
    Json correction = line();
    EXPECT_EQ(correction["event"], "correction");
    EXPECT_EQ(correction["round"], 3);
    EXPECT_EQ(correction["correction_ns"], -5000);
    EXPECT_EQ(correction["freq_ppb"], 2);
    EXPECT_EQ(correction["applied"], "slew");
    EXPECT_EQ(correction["bound_ns"], 84000);
    EXPECT_EQ(correction["status"], "SYNCHRONIZED");

    log_->log(StatusEvent{ClockStatus::holdover, "no master"}, at(1s));
    Json status = line();
    EXPECT_EQ(status["status"], "HOLDOVER");
    EXPECT_EQ(status["reason"], "no master");

    log_->exit(0, "", at(1s));
    Json exit = line();
    EXPECT_EQ(exit["event"], "exit");
    EXPECT_EQ(exit["code"], 0);

    log_->log(NoteEvent{Severity::info, "for people"}, at(1s));
    EXPECT_EQ(raw_output(), "");
}

TEST_F(EventLogTest, DropsAreToldOnceASecondPerReasonAndNoneIsForgotten) {
    for (int i = 0; i < 10; ++i) log_->log(DroppedEvent{"malformed", 1}, at(5s + i * 10ms));
    log_->log(DroppedEvent{"old_term", 2}, at(5s));
    auto first = lines();
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(first[0]["reason"], "malformed");
    EXPECT_EQ(first[0]["count"], 1);
    EXPECT_EQ(first[1]["count"], 2);
    log_->tick(at(5'900ms));
    EXPECT_EQ(raw_output(), "");
    log_->tick(at(6s));
    EXPECT_EQ(line()["count"], 9);
    log_->log(DroppedEvent{"malformed", 3}, at(6'100ms));
    log_->exit(1, "", at(6'200ms));
    auto last = lines();
    ASSERT_EQ(last.size(), 2U);
    EXPECT_EQ(last[0]["count"], 3);
    EXPECT_EQ(last[1]["event"], "exit");
}

TEST_F(EventLogTest, AStalledReaderBlocksNothingAndSeesWholeLines) {
    std::size_t written = 0;
    RoundEvent big = example_round();
    big.peers.resize(1000, big.peers[0]);
    for (; written < 200; ++written) log_->log(big, at(1s));  // 20 MB into a pipe of 64 KiB
    std::vector<Json> seen;
    std::string text;
    for (std::string part; !(part = raw_output()).empty();) {
        text += part;
        log_->tick(at(2s));
    }
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) seen.push_back(Json::parse(line));
    EXPECT_GT(seen.size(), 50U);
    EXPECT_LT(seen.size(), written);
    log_->log(StatusEvent{}, at(3s));
    EXPECT_EQ(line()["event"], "status");
}

TEST_F(EventLogTest, AClosedReaderEndsTheJsonAndNotTheProcess) {
    ::close(pipe_[0]);
    log_->log(StatusEvent{}, at(1s));
    log_->log(StatusEvent{}, at(2s));
    log_->exit(0, "", at(3s));
    pipe_[0] = ::open("/dev/null", O_RDONLY);
}

TEST(EventLogFullDisk, DoesNotBlock) {
    const int full = ::open("/dev/full", O_WRONLY);
    ASSERT_GE(full, 0);
    {
        EventLog log({node_id("m1"), true, LogLevel::off, full});
        for (int i = 0; i < 10; ++i) log.log(StatusEvent{}, at(1s));
        log.exit(0, "", at(1s));
    }
    ::close(full);
}

TEST_F(EventLogTest, TheGapThatAStalledReaderLeftIsAnEventToo) {
    RoundEvent big = example_round();
    big.peers.resize(1000, big.peers[0]);
    for (int i = 0; i < 200; ++i) log_->log(big, at(1s));
    std::string text;
    for (std::string part; !(part = raw_output()).empty(); text += part) log_->tick(at(2s));
    std::uint64_t rounds = 0;
    std::uint64_t lost = 0;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        const Json event = Json::parse(line);
        rounds += event["event"] == "round";
        if (event["event"] == "lost") lost += event["count"].get<std::uint64_t>();
    }
    EXPECT_GT(lost, 0U);
    EXPECT_EQ(rounds + lost, 200U);
}

TEST_F(EventLogTest, TextThatIsNoUtf8StillMakesAValidLine) {
    log_->log(StatusEvent{ClockStatus::holdover, "\xff\xfe\n\"quoted\""}, at(1s));
    EXPECT_EQ(line()["event"], "status");
}

TEST(EventLogWords, SpeakToPeople) {
    EXPECT_EQ(human_text(example_round(), at(1s)),
              "round 17: 5 slaves, average offset +1.2 us, outlier s3 (+4.1 s)");
    RoundEvent split = example_round();
    split.state = RoundState::split;
    split.replied = 4;
    EXPECT_EQ(human_text(split, at(1s)),
              "round 17: 4 of 5 slaves, the clocks disagree (split), no correction, outlier s3 (+4.1 s)");
    EXPECT_EQ(human_text(CorrectionEvent{3, -3'100ns, 0, Applied::slew, 84us, ClockStatus::synchronized, ""},
                         at(1s)),
              "synchronized time 2023-11-14 22:13:20.000000, correction -3.1 us, bound 84 us");
    RoundEvent one = example_round();
    one.members = one.replied = 1;
    one.peers.resize(1);
    EXPECT_EQ(human_text(one, at(1s)), "round 17: 1 slave, average offset +1.2 us");
    EXPECT_EQ(human_text(DroppedEvent{"malformed", 1}, at(1s)), "dropped 1 message: malformed");
    EXPECT_EQ(human_text(DroppedEvent{"malformed", 1, "10.0.0.1:1"}, at(1s)),
              "dropped 1 message: malformed, from 10.0.0.1:1");
    EXPECT_EQ(human_text(DroppedEvent{"malformed", 2, "10.0.0.1:1"}, at(1s)),
              "dropped 2 messages: malformed, the last from 10.0.0.1:1");
    EXPECT_EQ(human_text(NoteEvent{Severity::info, "a\nb\x1b[2J"}, at(1s)), "a b [2J");
}

/// What people read at one level, without time and name.
class EventLogLinesTest : public ::testing::Test {
protected:
    EventLogLinesTest() {
        EXPECT_EQ(::pipe2(pipe_.data(), O_CLOEXEC | O_NONBLOCK), 0);
        open(LogLevel::info);
    }
    ~EventLogLinesTest() override {
        log_.reset();
        for (const int fd : pipe_) ::close(fd);
    }
    void open(LogLevel level) {
        log_ = std::make_unique<EventLog>(
            EventLogOptions{.node = node_id("m1"), .level = level, .human_fd = pipe_[1]});
    }
    /// "warning: text", of each line since the last call.
    std::vector<std::string> lines() {
        std::string text(65536, ' ');
        const ssize_t size = ::read(pipe_[0], text.data(), text.size());
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        std::vector<std::string> result;
        std::istringstream stream(text);
        for (std::string day, time, level, name, rest; stream >> day >> time >> level >> name;) {
            EXPECT_EQ(name, "m1:");
            std::getline(stream, rest);
            result.push_back(level + ":" + rest);
        }
        return result;
    }
    void round(RoundState state = RoundState::steady, bool outlier = false, int times = 1) {
        RoundEvent event = example_round();
        event.state = state;
        event.peers[1].outlier = outlier;
        for (int i = 0; i < times; ++i) log_->log(event, at(1s));
    }
    void correct(Applied applied, TrueTime when = TrueTime{1s}) {
        log_->log(CorrectionEvent{3, -3'100ns, 0, applied, 84us, ClockStatus::synchronized, "why"},
                  at(when.time_since_epoch()));
    }
    using Lines = std::vector<std::string>;

    std::array<int, 2> pipe_{};
    std::unique_ptr<EventLog> log_;
};

TEST_F(EventLogLinesTest, ALineSaysWhenWithItsZoneHowBadAndWho) {
    log_->note(Severity::warning, "text");
    std::string text(200, ' ');
    text.resize(static_cast<std::size_t>(::read(pipe_[0], text.data(), text.size())));
    EXPECT_TRUE(std::regex_match(
        text, std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d warning m1: text\n)")))
        << text;
}

TEST_F(EventLogLinesTest, InSteadyStateOnlyALineAnHourIsToldUnlessDebugIsWanted) {
    log_->ready({}, at(0s));
    for (int i = 1; i < 3600; ++i) {
        round();
        correct(Applied::slew);
        log_->tick(at(i * 1s));
    }
    EXPECT_EQ(lines(), Lines{"info: ready"});
    log_->log(DroppedEvent{"malformed", 3}, at(3599s));
    lines();
    log_->tick(at(3600s));
    EXPECT_EQ(lines(),
              Lines{"info: in the last hour 3599 rounds, offsets up to 4.1 s; 3599 corrections of up "
                    "to 3.1 us, bound up to 84 us; dropped: 3 malformed"});
    log_->tick(at(7200s));
    EXPECT_EQ(lines(), Lines{"info: in the last hour no correction"});

    open(LogLevel::debug);
    round();
    correct(Applied::slew);
    const Lines told = lines();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0], "debug: round 17: 5 slaves, average offset +1.2 us");
    EXPECT_EQ(told[1].substr(0, 24), "debug: synchronized time");
}

TEST_F(EventLogLinesTest, AnOutlierIsToldWhenItAppearsAndWhenItHasBeenNoneForAWhile) {
    round(RoundState::steady, true, 5);
    EXPECT_EQ(lines(), Lines{"warning: outlier s3 (+4.1 s): left out of the average"});
    round(RoundState::steady, false, 9);
    round(RoundState::steady, true);
    EXPECT_EQ(lines(), Lines{}) << "it flickers";
    round(RoundState::steady, false, 10);
    EXPECT_EQ(lines(), Lines{"info: no outlier any more: s3"});
}

TEST_F(EventLogLinesTest, ADisagreementIsToldWhenItBeginsAndWhenItIsOver) {
    round(RoundState::split, true, 3);
    EXPECT_EQ(lines(),
              Lines{"warning: round 17: 5 slaves, the clocks disagree (split), no correction, outlier "
                    "s3 (+4.1 s)"});
    round(RoundState::steady, false, 9);
    EXPECT_EQ(lines(), Lines{});
    round();
    EXPECT_EQ(lines(), Lines{"info: the clocks agree again"});
    round(RoundState::degraded);
    EXPECT_EQ(
        lines(),
        Lines{"warning: round 17: 5 slaves, too few clocks to vote (degraded), average offset +1.2 us"});
    round(RoundState::steady, false, 10);
    EXPECT_EQ(lines(), Lines{"info: there are enough clocks again to vote"});
}

TEST_F(EventLogLinesTest, TheLevelSaysWhetherThingsGotWorse) {
    log_->log(StatusEvent{ClockStatus::synchronized, ""}, at(1s));
    log_->log(StatusEvent{ClockStatus::holdover, "no master"}, at(1s));
    log_->log(StatusEvent{ClockStatus::unsynchronized, ""}, at(1s));
    log_->log(StatusEvent{ClockStatus::holdover, ""}, at(1s));
    EXPECT_EQ(lines(), (Lines{"info: clock is SYNCHRONIZED", "warning: clock is HOLDOVER: no master",
                              "warning: clock is UNSYNCHRONIZED", "info: clock is HOLDOVER"}));
    log_->log(RoleEvent{Role::master, "elected"}, at(1s));
    log_->log(RoleEvent{Role::listen, "lost its lease"}, at(1s));
    EXPECT_EQ(lines(), (Lines{"info: role is now master, term 7: elected",
                              "warning: role is now listen, term 7: lost its lease"}));
    correct(Applied::step);
    correct(Applied::step);
    const Lines steps = lines();
    ASSERT_EQ(steps.size(), 2U);
    EXPECT_EQ(steps[0].substr(0, 5), "info:") << "the first is how a clock is set";
    EXPECT_EQ(steps[1].substr(0, 8), "warning:");
}

TEST_F(EventLogLinesTest, WhatComesAgainAndAgainIsToldOnceAMinuteWithItsNumber) {
    for (int i = 0; i < 600; ++i) {
        const EventStamp stamp = at(i * 100ms);
        log_->log(DroppedEvent{"malformed", 100}, stamp);
        log_->log(VoteEvent{node_id("m2"), false, "no"}, stamp);
        log_->log(RoleEvent{i % 2 == 0 ? Role::candidate : Role::listen, "no majority"}, stamp);
        log_->log(NoteEvent{Severity::error, "again"}, stamp);
        log_->log(CorrectionEvent{3, i * 1s, 0, Applied::refused, 84us, {}, "too far"}, stamp);
        log_->tick(stamp);
    }
    EXPECT_EQ(lines(), (Lines{"warning: dropped 100 messages: malformed", "info: m2 refuses its vote: no",
                              "info: role is now candidate, term 7: no majority", "error: again",
                              "error: correction 0 ns refused: too far",
                              "info: role is now listen, term 7: no majority"}));
    log_->tick(at(61s));
    Lines told = lines();
    std::sort(told.begin(), told.end());
    EXPECT_EQ(told,
              (Lines{"error: again (599 times more in the last minute)",
                     "error: correction +10 min refused: too far (599 times more in the last minute)",
                     "info: m2 refuses its vote: no (599 times more in the last minute)",
                     "info: role is now candidate, term 7: no majority (299 times more in the last minute)",
                     "info: role is now listen, term 7: no majority (299 times more in the last minute)",
                     "warning: dropped 59900 messages: malformed"}));
    correct(Applied::slew, TrueTime{62s});
    EXPECT_EQ(lines(), Lines{"info: corrections are applied again"});
}

TEST_F(EventLogLinesTest, AStalledStderrLosesWholeLinesAndTheirNumberIsTold) {
    for (int i = 0; i < 20'000; ++i) log_->log(MemberEvent{node_id("s1"), true, std::to_string(i)}, at(1s));
    std::size_t read = 0;
    std::uint64_t lost = 0;
    for (Lines part; !(part = lines()).empty(); log_->tick(at(2s))) {
        for (const std::string& line : part) {
            if (line.ends_with("lines lost: nobody read stderr")) {
                lost += std::stoul(line.substr(line.find(' ')));
            } else {
                EXPECT_EQ(line, "info: s1 joined: " + std::to_string(read++));
            }
        }
    }
    EXPECT_GT(lost, 1000U);
    EXPECT_EQ(read + lost, 20'000U);
}

TEST_F(EventLogLinesTest, ALineIsNeverLongerThanOneWriteOfAPipe) {
    log_->note(Severity::info, std::string(10'000, 'x'));
    std::string text(20'000, ' ');
    EXPECT_EQ(::read(pipe_[0], text.data(), text.size()), 4096);
    EXPECT_EQ(text.substr(4090, 6), "xx...\n");
}

TEST(EventLogElsewhere, AStreamIsWrittenByJobsAndTheEndWaitsForThemABit) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK), 0);
    std::vector<std::function<void()>> jobs;
    const auto run = [&](std::function<void()> job) {
        jobs.push_back(std::move(job));
        return true;
    };
    std::string text(4096, ' ');
    {
        EventLog log({.node = node_id("m1"), .human_fd = pipe[1], .run = run});
        log.note(Severity::info, "one");
        log.note(Severity::info, "two");
        EXPECT_EQ(jobs.size(), 1U) << "one job writes all that waits";
        EXPECT_LT(::read(pipe[0], text.data(), text.size()), 0);
        jobs.front()();
        EXPECT_GT(::read(pipe[0], text.data(), text.size()), 60);
        log.note(Severity::info, "three");
        EXPECT_EQ(jobs.size(), 2U);
        const auto before = std::chrono::steady_clock::now();
        log.exit(0, "", at(1s));
        EXPECT_GE(std::chrono::steady_clock::now() - before, 300ms) << "nobody runs the job";
        EXPECT_LT(std::chrono::steady_clock::now() - before, 600ms);
    }
    for (const int fd : pipe) ::close(fd);
}

}  // namespace
}  // namespace berkeley
