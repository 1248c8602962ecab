#include "log/event_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

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
    EXPECT_EQ(human_text(NoteEvent{Severity::info, "a\nb\x1b[2J"}, at(1s)), "a b [2J");
}

}  // namespace
}  // namespace berkeley
