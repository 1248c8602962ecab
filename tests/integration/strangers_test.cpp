// A stranger on another machine that makes handshakes without end, and a member that starts meanwhile.

#include <gtest/gtest.h>

#include "berkeley/clock.h"
#include "tests/integration/namespaces.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

TEST(Strangers, HandshakesThatLeadToNothingAreCutAtTheDoorAndMembersOfOtherMachinesComeIn) {
    if (const std::string why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
    Network network;
    for (const char* id : {"a", "b", "eve"}) network.add(id);
    Cluster cluster{"/dev/shm"};
    const std::string keys = (cluster.folder() / "keys").string();
    const std::string authorized = (cluster.folder() / "authorized").string();
    for (const auto& [id, role] : {std::pair{"m1", "candidate"}, {"s1", "slave"}}) {
        ASSERT_EQ(run(BERKELEYCTL_PROGRAM, {"keygen", "--id", id, "--role", role, "--out", keys}).code, 0);
        ASSERT_EQ(run(BERKELEYCTL_PROGRAM, {"authorize", "--dir", authorized, keys + "/" + id + ".key"}).code,
                  0);
    }
    cluster.wrap(network.wrapper("a"));
    Process& master = cluster.start(
        BERKELEY_MASTER_PROGRAM, "m1",
        {"--secret-key-file=" + keys + "/m1.secret", "--authorized-keys=" + authorized, "--interval=250ms",
         "--poll=tcp://*:5250", "--publish=tcp://*:5251", "--heartbeat=tcp://*:5252"});
    ASSERT_TRUE(cluster.wait_for([&] { return find(master, "ready") != nullptr; }));
    auto flood = network.wrapper("eve");
    flood.insert(
        flood.end(),
        {"bash", "-c", "while exec 3<>/dev/tcp/" + network.address("a") + "/5250; do exec 3>&-; done"});
    Process eve(flood.front(), {flood.begin() + 1, flood.end()});
    EXPECT_TRUE(cluster.wait_for([&] {
        return find(master, "dropped", [&](const Json& event) {
                   return event["reason"] == "wasted-handshakes" && event["from"] == network.address("eve");
               }) != nullptr;
    }));
    cluster.wrap(network.wrapper("b"));
    cluster.start(BERKELEY_SLAVE_PROGRAM, "s1",
                  {"--secret-key-file=" + keys + "/s1.secret", "--server-key=" + keys + "/m1.key",
                   "--master=tcp://" + network.address("a") + ":5250"});
    EXPECT_TRUE(cluster.wait_for([&] { return cluster.read("s1").status == BERKELEY_CLOCK_SYNCHRONIZED; }));
}

}  // namespace
}  // namespace berkeley::test
