// Nodes that know each other by name, and a name server that is slow, dead, or tells several addresses: names
// cost the links that have them, and nobody else.

#include <gtest/gtest.h>

#include <fstream>

#include "berkeley/clock.h"
#include "tests/integration/name_server.hpp"
#include "tests/integration/namespaces.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

/// m1, s1 and a name server, each in a namespace.
class NamesOfNodes : public ::testing::Test {
protected:
    void SetUp() override {
        if (const std::string why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
        // Its mounts must stay its own. Where / is no mount point, as in a chroot, they could not.
        if (const Finished tried = run("unshare", {"-m", "true"}); tried.code != 0) GTEST_SKIP() << tried.err;
        network_ = std::make_unique<Network>();
        for (const char* id : {"m1", "s1", "dns", "other"}) network_->add(id);
        server_ = std::make_unique<NameServer>(network_->path("dns"));
        write("resolv.conf", "nameserver " + network_->address("dns") + "\n");
        write("nsswitch.conf", "hosts: files dns\n");
        write("hosts", "127.0.0.1 localhost\n");
    }
    void write(const std::string& file, const std::string& text) const {
        std::ofstream(cluster_.folder() / file) << text;
    }
    /// Programs start in this namespace, and see the files of the test in /etc: nobody else does.
    void enter(const std::string& id) {
        auto wrapper = network_->wrapper(id);
        wrapper.insert(wrapper.end(),
                       {"unshare", "-m", "sh", "-c",
                        "for f in resolv.conf nsswitch.conf hosts; do mount --bind \"$0/$f\" \"/etc/$f\" || "
                        "exit 9; done; exec \"$@\"",
                        cluster_.folder().string()});
        cluster_.wrap(wrapper);
    }
    Process& master(const std::string& where, const std::string& host = "*") {
        enter(where);
        return cluster_.start(
            BERKELEY_MASTER_PROGRAM, "m1",
            {"--insecure", "--interval=250ms", "--advertise=m1.example", "--poll=tcp://" + host + ":5250",
             "--publish=tcp://" + host + ":5251", "--heartbeat=tcp://" + host + ":5252"});
    }
    Process& slave(std::vector<std::string> masters) {
        enter("s1");
        std::vector<std::string> arguments;
        for (const std::string& host : masters) arguments.push_back("--master=tcp://" + host + ":5250");
        return cluster_.start(BERKELEY_SLAVE_PROGRAM, "s1", arguments);
    }
    [[nodiscard]] bool synchronizes(const std::string& id) {
        return cluster_.wait_for([&] { return cluster_.read(id).status == BERKELEY_CLOCK_SYNCHRONIZED; });
    }

    Cluster cluster_{"/dev/shm"};
    std::unique_ptr<Network> network_;
    std::unique_ptr<NameServer> server_;
};

TEST_F(NamesOfNodes, ADeadNameServerCostsTheLinkThatNeedsItOnly) {
    server_->die();
    master("m1");
    // The name that m1 tells of itself is in /etc/hosts.
    write("hosts", network_->address("m1") + " m1.example\n");
    Process& slave = this->slave({network_->address("m1"), "dead.example"});
    EXPECT_TRUE(synchronizes("s1"));
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return slave.log().find("cannot resolve the name dead.example") != std::string::npos; }));
    // A look-up hangs now, and for seconds more.
    slave.signal(SIGTERM);
    EXPECT_EQ(slave.wait_exit(seconds{1}), 0);
}

TEST_F(NamesOfNodes, ASlowNameServerDelaysAndDisturbsNobody) {
    server_->set("m1.example", {network_->address("m1")});
    server_->answer_after(milliseconds{300});
    master("m1");
    slave({"m1.example", "nobody.example"});
    EXPECT_TRUE(synchronizes("s1"));
}

TEST_F(NamesOfNodes, TheSecondAddressIsUsedWhereTheFirstIsDead) {
    // The first swallows everything: nobody has that address, and the neighbour's is said to be known.
    network_->cut("s1", "other");
    server_->set("m1.example", {network_->address("other"), network_->address("m1")});
    master("m1", network_->address("m1"));
    slave({"m1.example"});
    EXPECT_TRUE(synchronizes("s1"));
}

TEST_F(NamesOfNodes, ANameWithIpv6OnlyIsAsGood) {
    server_->set("m1.example", {network_->address6("m1")});
    master("m1");
    slave({"m1.example"});
    EXPECT_TRUE(synchronizes("s1"));
}

TEST_F(NamesOfNodes, ANameThatMovesIsFollowedWhenItsLinkIsSilent) {
    server_->set("m1.example", {network_->address("m1")});
    Process& first = master("m1");
    Process& slave = this->slave({"m1.example"});
    ASSERT_TRUE(synchronizes("s1"));
    first.signal(SIGTERM);
    ASSERT_EQ(first.wait_exit(seconds{5}), 0);
    server_->set("m1.example", {network_->address("other")});
    const std::size_t before = slave.events().size();
    master("other");
    EXPECT_TRUE(cluster_.wait_for(
        [&] {
            for (std::size_t i = before; i < slave.events().size(); ++i) {
                if (is(slave.events()[i], "correction")) return true;
            }
            return false;
        },
        seconds{30}));
}

}  // namespace
}  // namespace berkeley::test
