// Attacks on a secured cluster of real processes: who may speak.

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>

#include "tests/integration/secured_cluster.hpp"
#include "tests/raw_peer.hpp"

namespace berkeley::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class Security : public Secured {};

TEST_F(Security, AnUnknownKeyIsNeverHeardAndItsLogSaysWhatToDo) {
    make_key("eve", AccessRole::slave, false);
    Process& eve = start_slave("eve");
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return dropped("unauthorised-key", 3) && contains(eve.log(), "berkeleyctl authorize"); }));
    EXPECT_EQ(find(eve, "correction"), nullptr);
    EXPECT_EQ(find(*m1_, "member", [](const Json& e) { return e["id"] == "eve"; }), nullptr);
    EXPECT_FALSE(dropped("unauthenticated"))
        << "not even one message may come from behind a refused handshake";
    expect_still_synchronized();
    // Authorised while it tries, it is let in.
    EXPECT_EQ(ctl({"authorize", "--dir", authorized(), key_file("eve", "key")}).code, 0);
    EXPECT_TRUE(cluster_.wait_for([&] { return find(eve, "correction") != nullptr; }));
}

TEST_F(Security, ARevokedKeyIsCutWithinTwoSeconds) {
    make_key("s5", AccessRole::slave);
    Process& s5 = start_slave("s5");
    ASSERT_TRUE(cluster_.wait_for([&] { return find(s5, "correction") != nullptr; }));
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(ctl({"revoke", "--dir", authorized(), "s5"}).code, 0);
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(*m1_, "member", [](const Json& e) { return e["id"] == "s5" && e["change"] == "left"; }) !=
               nullptr;
    }));
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds{2});
    std::size_t corrections = s5.events().size();
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(s5, "status", [](const Json& e) { return e["status"] == "HOLDOVER"; }) != nullptr;
    }));
    for (; corrections < s5.events().size(); ++corrections) {
        EXPECT_FALSE(is(s5.events()[corrections], "correction")) << s5.events()[corrections].dump();
    }
    expect_still_synchronized();
}

TEST_F(Security, AHangUpHasAFileReadAgainThatWasEditedInPlace) {
    make_key("s5", AccessRole::slave);
    make_key("other", AccessRole::slave, false);
    Process& s5 = start_slave("s5");
    ASSERT_TRUE(cluster_.wait_for([&] { return find(s5, "correction") != nullptr; }));
    std::filesystem::path file;
    for (const auto& entry : std::filesystem::directory_iterator(authorized())) {
        if (entry.path().filename().string().starts_with("s5-")) file = entry.path();
    }
    ASSERT_FALSE(file.empty());
    const auto edit = [&](const std::string& id) {
        std::ofstream(file) << std::ifstream(key_file(id, "key")).rdbuf();
    };
    const auto left = [&] {
        return find(*m1_, "member", [](const Json& e) { return e["id"] == "s5" && e["change"] == "left"; }) !=
               nullptr;
    };
    const auto rounds = [&] {
        return std::count_if(m1_->events().begin(), m1_->events().end(),
                             [](const Json& e) { return is(e, "round"); });
    };
    // The directory is read anew while the change to it may have been in the last tick of its file system's
    // clock: in the first reading after it, and in the one a second later. Three seconds are 12 rounds.
    const auto before = rounds();
    ASSERT_TRUE(cluster_.wait_for([&] { return rounds() >= before + 12; }));
    const std::uint64_t refused = drops("unauthorised-key");
    edit("other");
    m1_->signal(SIGHUP);
    EXPECT_TRUE(cluster_.wait_for([&] { return left() && drops("unauthorised-key") > refused; }));
    EXPECT_EQ(find(*m1_, "exit"), nullptr);
    // And back again.
    edit("s5");
    m1_->signal(SIGHUP);
    const std::size_t corrections = s5.events().size();
    EXPECT_TRUE(cluster_.wait_for([&] {
        return std::any_of(s5.events().begin() + static_cast<std::ptrdiff_t>(corrections), s5.events().end(),
                           [](const Json& e) { return is(e, "correction"); });
    }));
    expect_still_synchronized();
}

/// The node's loop, where the ZAP handler is, stands still, while libzmq's own threads go on.
TEST_F(Security, WhenTheZapHandlerStandsStillNobodyGetsIn) {
    make_key("eve", AccessRole::slave);
    const Credentials own = credentials("eve");
    const auto peer = [&] {
        return RawPeer(zmq::socket_type::dealer, own.own, own.keys.ring()->pins().front().key, poll_);
    };
    const pid_t loop = m1_->pid();
    if (::ptrace(PTRACE_SEIZE, loop, nullptr, nullptr) != 0)
        GTEST_SKIP() << "may not stop a thread: " << std::strerror(errno);
    ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, loop, nullptr, nullptr), 0);
    ASSERT_EQ(::waitpid(loop, nullptr, __WALL), loop);
    RawPeer eve = peer();
    EXPECT_TRUE(cluster_.wait_for([&] { return eve.disconnected() >= 1; }));
    EXPECT_EQ(eve.connected(), 0) << "its key is authorised, but nobody has said so";
    ASSERT_EQ(::ptrace(PTRACE_DETACH, loop, nullptr, nullptr), 0);
    EXPECT_TRUE(cluster_.wait_for([&] { return eve.connected() >= 1; }));
    EXPECT_TRUE(cluster_.wait_agreement(honest_));
    EXPECT_FALSE(dropped("unauthenticated"));
}

/// Twice as often as a node may come in at once.
TEST_F(Security, AnOperatorMayCallInALoop) {
    make_key("admin", AccessRole::operating);
    ASSERT_TRUE(cluster_.wait_for([&] { return contains(m1_->log(), "authorised keys: 6"); }));
    for (int i = 0; i < 50; ++i) {
        const Finished status = ctl({"status", "--poll", poll_, "--secret-key-file",
                                     key_file("admin", "secret"), "--server-key", key_file("m1", "key")});
        ASSERT_EQ(status.code, 0) << i << ": " << status.err;
    }
    EXPECT_FALSE(dropped("admission-limit"));
    expect_still_synchronized();
}

TEST_F(Security, TheWrongServerKeyIsNamedByTheClient) {
    make_key("other", AccessRole::candidate, false);
    make_key("s5", AccessRole::slave);
    cluster_.equip([](const std::string&) { return std::vector<std::string>{}; });
    Process& wrong = cluster_.start(BERKELEY_SLAVE_PROGRAM, "s5",
                                    {"--master", poll_, "--secret-key-file", key_file("s5", "secret"),
                                     "--server-key", key_file("other", "key")});
    EXPECT_TRUE(cluster_.wait_for([&] { return contains(wrong.log(), "wrong --server-key"); }));
    EXPECT_TRUE(
        cluster_.wait_for([&] { return contains(m1_->log(), "expects another server key; ours is"); }));
    EXPECT_EQ(find(wrong, "correction"), nullptr);
    expect_still_synchronized();
}

TEST_F(Security, AClientInTheClearIsTurnedAway) {
    cluster_.equip([](const std::string&) { return std::vector<std::string>{}; });
    Process& plain = cluster_.start(BERKELEY_SLAVE_PROGRAM, "s5", {"--master", poll_});
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return dropped("failed-handshake") && contains(plain.log(), "--secret-key-file"); }));
    EXPECT_EQ(find(plain, "correction"), nullptr);
    EXPECT_FALSE(dropped("unauthenticated"));
    const Finished status = ctl({"status", "--poll", poll_});
    EXPECT_EQ(status.code, 1);
    EXPECT_TRUE(contains(status.err, "--secret-key-file")) << status.err;
    expect_still_synchronized();
}

TEST_F(Security, ANameBelongsToItsKey) {
    make_key("eve", AccessRole::slave);
    const auto eve = fake("eve");
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        Hello hello;
        hello.generation = 1;
        eve->say_as(node_id("s1"), hello);
        eve->say_as(node_id("s1"), Bye{1});
        eve->say_as(node_id("m1"), StepDown{});
        return dropped("sender-mismatch", 3);
    }));
    EXPECT_EQ(find(*m1_, "member", [](const Json& e) { return e["id"] == "s1" && e["change"] == "left"; }),
              nullptr);
    expect_still_synchronized();
}

TEST_F(Security, APollOfASlavesIsNotPassedOnNorAnswered) {
    make_key("eve", AccessRole::slave);
    const auto eve = fake("eve");
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        return eve->welcomed();
    }));
    // It polls under its own name, and as the master would; each is counted for what it is, and for nothing
    // else.
    const Poll forged{1, 0, 5};
    struct Case {
        const char* sender;
        const char* reason;
    };
    for (const Case& c : {Case{"eve", "not-permitted"}, Case{"m1", "sender-mismatch"}}) {
        std::uint64_t sent = 0;
        EXPECT_TRUE(cluster_.wait_for([&] {
            if (sent < 10 && eve->say_as(node_id(c.sender), forged, 1)) ++sent;
            eve->step([](const Poll&, const Reply&, Term) {});
            return drops(c.reason) >= 10;
        })) << c.reason;
        EXPECT_EQ(drops(c.reason), 10U);
    }
    EXPECT_TRUE(eve->refused() && contains(eve->refused()->reason.str(), "role slave"));
    expect_still_synchronized();
}

TEST_F(Security, ASlavesKeyMayNotLeadNorPollNorDepose) {
    make_key("eve", AccessRole::slave);
    const auto eve = fake("eve");
    Hello standing;
    standing.generation = FakeSlave::kGeneration;
    standing.candidate = CandidateInfo{node_id("eve"), 1000, *Url::from("tcp://127.0.0.1:1"),
                                       *Url::from("tcp://127.0.0.1:2"), *Url::from("tcp://127.0.0.1:3")};
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        eve->say(standing, 50);
        eve->say(Poll{1, 0, 5}, 50);
        eve->say(Heartbeat{}, 50);
        eve->say(VoteRequest{}, 50);
        eve->say(StepDown{}, 50);
        return dropped("not-permitted", 5);
    }));
    EXPECT_TRUE(eve->refused() && contains(eve->refused()->reason.str(), "role slave"));
    EXPECT_EQ(find(*m1_, "role", [](const Json& e) { return e["term"] != 1 && e["term"] != 0; }), nullptr);
    expect_still_synchronized();
}

TEST_F(Security, AnObserverSeesTheStatusAndAnOperatorMayHandOver) {
    make_key("watcher", AccessRole::observer);
    make_key("admin", AccessRole::operating);
    ASSERT_TRUE(cluster_.wait_for([&] { return contains(m1_->log(), "authorised keys: 7"); }));
    const auto with = [&](const std::string& command, const std::string& id) {
        return ctl({command, "--poll", poll_, "--secret-key-file", key_file(id, "secret"), "--server-key",
                    key_file("m1", "key")});
    };
    Finished status;
    EXPECT_TRUE(cluster_.wait_for([&] { return (status = with("status", "watcher")).code == 0; }))
        << status.err;
    EXPECT_TRUE(contains(status.out, "m1 is master")) << status.out;
    const Finished denied = with("stepdown", "watcher");
    EXPECT_EQ(denied.code, 1);
    EXPECT_TRUE(contains(denied.err, "role observer")) << denied.err;
    const Finished no_standby = with("stepdown", "admin");
    EXPECT_EQ(no_standby.code, 1);
    EXPECT_TRUE(contains(no_standby.err, "m1 refuses")) << no_standby.err << "(there is no standby)";
    expect_still_synchronized();
}

TEST_F(Security, AKeyIsRotatedByAuthorisingTheNewOneFirst) {
    Process& s4 = *slaves_[3];
    std::filesystem::rename(key_file("s4", "secret"), key_file("s4", "old"));
    std::filesystem::remove(key_file("s4", "key"));
    make_key("s4", AccessRole::slave);  // the second one in the directory
    cluster_.forget(s4);
    slaves_.pop_back();
    slaves_.push_back(&start_slave("s4"));
    EXPECT_TRUE(cluster_.wait_agreement(honest_));
    const auto old = load_own_keys(key_file("s4", "old"));
    ASSERT_TRUE(old);
    EXPECT_EQ(ctl({"revoke", "--dir", authorized(), old->pair.public_key.str()}).code, 0);
    EXPECT_TRUE(cluster_.wait_for([&] { return contains(m1_->log(), "authorised keys: 5"); }));
    expect_still_synchronized();
}

TEST_F(Security, ADamagedKeyFileIsNamedAndTakesNothingElseWithIt) {
    std::ofstream(authorized() + "/zzz.key") << "public-key = \"too short\"\n";
    EXPECT_TRUE(cluster_.wait_for([&] { return contains(m1_->log(), "zzz.key"); }));
    expect_still_synchronized();
}

}  // namespace
}  // namespace berkeley::test
