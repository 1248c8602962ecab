// Candidates that do not know by which address others reach them: over real networks, on machines of their
// own and on one, a slave finds each and follows the one that takes over.

#include <gtest/gtest.h>

#include "berkeley/clock.h"
#include "tests/integration/namespaces.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

/// For a busy machine: nothing here depends on how fast a takeover is.
constexpr const char* kTimeout = "--heartbeat-timeout=2s";

class Addresses : public ::testing::Test {
protected:
    void SetUp() override {
        if (const std::string why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
        network_ = std::make_unique<Network>();
        for (const char* id : {"a", "b", "c"}) network_->add(id);
    }
    /// Bound to all addresses of the machine.
    Process& master(const std::string& id, const std::string& machine, int port,
                    std::vector<std::string> extra = {}) {
        cluster_.wrap(network_->wrapper(machine));
        std::vector<std::string> arguments{"--insecure", kTimeout};
        for (const char* option : {"--poll", "--publish", "--heartbeat"}) {
            arguments.push_back(std::string(option) + "=tcp://*:" + std::to_string(port++));
        }
        arguments.insert(arguments.end(), extra.begin(), extra.end());
        return cluster_.start(BERKELEY_MASTER_PROGRAM, id, arguments);
    }
    Process& slave(const std::string& machine) {
        cluster_.wrap(network_->wrapper(machine));
        return cluster_.start(BERKELEY_SLAVE_PROGRAM, "s1",
                              {"--master=tcp://" + network_->address("a") + ":5250", kTimeout});
    }
    [[nodiscard]] bool follows(Process& slave, const std::string& leader) {
        return cluster_.wait_for([&] {
            return slave.log().find("following " + leader) != std::string::npos &&
                   cluster_.read("s1").status == BERKELEY_CLOCK_SYNCHRONIZED;
        });
    }
    [[nodiscard]] bool votes(const Process& master, std::size_t voters) {
        return cluster_.wait_for([&] {
            return find(master, "committee",
                        [&](const Json& event) { return event["voters"].size() == voters; }) != nullptr;
        });
    }

    Cluster cluster_{"/dev/shm"};
    std::unique_ptr<Network> network_;
};

TEST_F(Addresses, ASlaveFollowsAStandbyOfAnotherMachineThatItWasNeverToldTheAddressOf) {
    Process& first = master("m1", "a", 5250);
    Process& s1 = slave("c");
    master("m2", "b", 5250, {"--standby", "--peer=tcp://" + network_->address("a") + ":5250"});
    ASSERT_TRUE(follows(s1, "m1"));
    ASSERT_TRUE(votes(first, 3));
    first.signal(SIGKILL);
    EXPECT_TRUE(follows(s1, "m2"));
}

TEST_F(Addresses, ASlaveElsewhereFollowsAStandbyThatTheMasterKnowsOverLoopback) {
    Process& first = master("m1", "a", 5250);
    Process& s1 = slave("c");
    master("m2", "a", 5350, {"--standby", "--peer=tcp://127.0.0.1:5250"});
    ASSERT_TRUE(follows(s1, "m1"));
    ASSERT_TRUE(votes(first, 3));
    first.signal(SIGKILL);
    EXPECT_TRUE(follows(s1, "m2"));
}

TEST_F(Addresses, ADeadPublishEndpointIsNamedOnBothSides) {
    const std::string dead = "tcp://" + network_->address("a") + ":6251";
    Process& first = master("m1", "a", 5250, {"--advertise-publish=" + dead});
    Process& s1 = slave("c");
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(s1, "dead_end", [&](const Json& event) {
                   return event["way"] == "publish" && event["id"] == "m1" && event["url"] == dead;
               }) != nullptr;
    }));
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(first, "dead_end", [&](const Json& event) {
                   return event["way"] == "member" && event["id"] == "s1" && event["url"] == dead;
               }) != nullptr;
    }));
    EXPECT_NE(s1.log().find("hears nothing from m1 at its publish endpoint " + dead), std::string::npos);
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return s1.log().find("no connection to the publish endpoint " + dead) != std::string::npos; }));
    auto asks = network_->wrapper("a");
    asks.insert(asks.end(), {BERKELEYCTL_PROGRAM, "status"});
    const Finished table = run(asks.front(), {asks.begin() + 1, asks.end()});
    EXPECT_NE(table.out.find("applies nothing"), std::string::npos) << table.out << table.err;
}

TEST_F(Addresses, ADeadHeartbeatEndpointIsNamedByTheVoterThatIsAskedToListen) {
    const std::string dead = "tcp://" + network_->address("a") + ":6252";
    master("m1", "a", 5250, {"--advertise-heartbeat=" + dead});
    Process& s1 = slave("c");
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(s1, "dead_end", [&](const Json& event) {
                   return event["way"] == "heartbeat" && event["id"] == "m1" && event["url"] == dead;
               }) != nullptr;
    }));
    EXPECT_EQ(cluster_.read("s1").status, BERKELEY_CLOCK_SYNCHRONIZED) << "it is corrected all the same";
}

}  // namespace
}  // namespace berkeley::test
