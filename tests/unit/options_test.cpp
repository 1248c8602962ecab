#include "cli/options.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "keys/curve_keys.hpp"
#include "node/key_reader.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

template <class Parse>
auto run(Parse parse, std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::optional<Credentials> credentials;
    return parse(static_cast<int>(arguments.size()), arguments.data(), key_reader(credentials));
}
auto master(std::vector<const char*> arguments) { return run(parse_master_options, std::move(arguments)); }
auto slave(std::vector<const char*> arguments) { return run(parse_slave_options, std::move(arguments)); }

class ConfigFile {
public:
    explicit ConfigFile(const std::string& text) {
        const int fd = ::mkstemp(path_.data());
        EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
        ::close(fd);
    }
    ~ConfigFile() { ::unlink(path_.c_str()); }
    ConfigFile(const ConfigFile&) = delete;
    ConfigFile& operator=(const ConfigFile&) = delete;
    const char* path() const { return path_.c_str(); }

private:
    std::string path_ = "/tmp/berkeley-config-XXXXXX";
};

TEST(Options, DefaultsAreThoseOfTheManual) {
    ::unsetenv("STATE_DIRECTORY");
    ::setenv("HOME", "/home/u", 1);
    const auto m = master({"--id", "m1"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_EQ(m->poll, "tcp://127.0.0.1:5250");
    EXPECT_EQ(m->publish, "tcp://127.0.0.1:5251");
    EXPECT_EQ(m->heartbeat, "tcp://127.0.0.1:5252");
    EXPECT_EQ(m->interval, 1s);
    EXPECT_EQ(m->burst, 8U);
    EXPECT_EQ(m->window, 32U);
    EXPECT_EQ(m->node.cluster.view(), "default");
    EXPECT_EQ(m->node.max_drift_ppb, 50'000);
    EXPECT_EQ(m->node.max_slew_ppb, 500'000);
    EXPECT_EQ(m->node.step_threshold, 1s);
    EXPECT_EQ(m->node.max_correction, 1000s);
    EXPECT_EQ(m->node.max_bound, 100ms);
    EXPECT_EQ(m->node.heartbeat_interval, 100ms);
    EXPECT_EQ(m->node.heartbeat_timeout, 500ms);
    EXPECT_EQ(m->node.clock_page, "/dev/shm/berkeley/default/m1");
    EXPECT_EQ(m->node.state_dir, "/home/u/.local/state/berkeley/default/m1");
    const auto s = slave({});
    ASSERT_TRUE(s.has_value()) << s.error().error;
    ASSERT_EQ(s->masters.size(), 1U);
    EXPECT_EQ(s->masters[0].view(), "tcp://127.0.0.1:5250");
    EXPECT_TRUE(is_valid_name(s->node.id.view()));
    EXPECT_TRUE(s->node.id_is_of_process);
}

TEST(Options, EveryOptionIsRead) {
    const auto m = master({"--id=m2",
                           "--cluster",
                           "lab",
                           "--standby",
                           "--poll",
                           "tcp://127.0.0.1:*",
                           "--publish",
                           "ipc:///tmp/p",
                           "--heartbeat",
                           "tcp://[::1]:0",
                           "--peer",
                           "tcp://a:1",
                           "--peer",
                           "tcp://b:2",
                           "--advertise",
                           "host.example",
                           "--priority",
                           "-7",
                           "--interval",
                           "250ms",
                           "--burst",
                           "3",
                           "--window",
                           "1024",
                           "--clock",
                           "virtual",
                           "--clock-offset",
                           "-10m",
                           "--clock-drift",
                           "-30.5",
                           "--max-drift",
                           "20",
                           "--max-slew",
                           "1000",
                           "--step-threshold",
                           "2s",
                           "--max-correction",
                           "1h",
                           "--max-bound",
                           "5ms",
                           "--clock-page",
                           "none",
                           "--state-dir",
                           "/tmp/s",
                           "--heartbeat-interval",
                           "20ms",
                           "--heartbeat-timeout",
                           "100ms",
                           "--json",
                           "--log-level",
                           "debug"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_TRUE(m->standby);
    EXPECT_EQ(m->poll, "tcp://127.0.0.1:0");
    EXPECT_EQ(m->peers.size(), 2U);
    EXPECT_EQ(m->advertise, "host.example");
    EXPECT_EQ(m->priority, -7);
    EXPECT_EQ(m->interval, 250ms);
    EXPECT_EQ(m->window, 1024U);
    EXPECT_EQ(m->node.clock_offset, -10min);
    EXPECT_EQ(m->node.clock_drift_ppb, -30'500);
    EXPECT_EQ(m->node.max_slew_ppb, 1'000'000);
    EXPECT_FALSE(m->node.clock_page.has_value());
    EXPECT_EQ(m->node.state_dir, "/tmp/s");
    EXPECT_TRUE(m->node.json);
    EXPECT_EQ(m->node.log_level, LogLevel::debug);
}

TEST(Options, SystemdNamesTheStateDirectory) {
    ::setenv("STATE_DIRECTORY", "/var/lib/berkeley:/var/lib/other", 1);
    EXPECT_EQ(slave({}).value().node.state_dir, "/var/lib/berkeley");
    ::unsetenv("STATE_DIRECTORY");
}

TEST(Options, BadInputIsOneLineThatNamesTheOptionAndWhatIsAllowed) {
    struct Case {
        std::vector<const char*> arguments;
        const char* option;
        const char* allowed;
    };
    const std::vector<Case> cases{
        {{"--interval", "49ms"}, "--interval", "from 50ms to 1h"},
        {{"--interval", "61m"}, "--interval", "from 50ms to 1h"},
        {{"--interval", "1"}, "--interval", "number and a unit"},
        {{"--interval"}, "--interval", "one value"},
        {{"--interval", "1s", "--interval", "2s"}, "--interval", "once"},
        {{"--burst", "2"}, "--burst", "from 3 to 64"},
        {{"--burst", "65"}, "--burst", "from 3 to 64"},
        {{"--burst", "8.5"}, "--burst", "whole number"},
        {{"--window", "0"}, "--window", "from 1 to 1024"},
        {{"--window", "1025"}, "--window", "from 1 to 1024"},
        {{"--heartbeat-interval", "200ms"}, "--heartbeat-timeout", "at least 3 times"},
        {{"--heartbeat-timeout", "299ms"}, "--heartbeat-timeout", "300ms"},
        {{"--id", "a/b"}, "--id", "1 to 63"},
        {{"--id", ""}, "--id", ""},
        {{"--id", ".."}, "--id", "not starting with a dot"},
        {{"--cluster", "two words"}, "--cluster", "1 to 63"},
        {{"--clock", "atomic"}, "--clock", "virtual, system"},
        {{"--clock", "system", "--clock-offset", "1s"}, "--clock", "--clock virtual"},
        {{"--claim-sync"}, "--claim-sync", "--clock system"},
        {{"--refclock-shm", "256"}, "--refclock-shm", "from 0 to 255"},
        {{"--refclock-shm", "2", "--clock", "system"}, "--refclock-shm", "--clock system"},
        {{"--refclock-sock", "/s", "--clock", "system"}, "--refclock-sock", "--clock system"},
        {{"--clock-drift", "nan"}, "--clock-drift", "parts per million"},
        {{"--clock-drift", "1e9"}, "--clock-drift", "from -100000 to 100000"},
        {{"--max-slew", "0"}, "--max-slew", "from 1 to"},
        {{"--log-level", "loud"}, "--log-level", "debug, info, warning, error, off"},
        {{"--poll", "127.0.0.1:5250"}, "--poll", "tcp://HOST:PORT"},
        {{"--poll", "tcp://127.0.0.1"}, "--poll", "tcp://HOST:PORT"},
        {{"--poll", "tcp://127.0.0.1:65536"}, "--poll", "valid port"},
        {{"--poll", "udp://127.0.0.1:1"}, "--poll", "tcp://HOST:PORT"},
        {{"--poll", "inproc://x"},
         "--poll",
         "no other process: write tcp://HOST:PORT (port 0 takes any free one) or ipc://PATH\n"},
        {{"--peer", "inproc://x"}, "--peer", "no other process"},
        {{"--publish", "ipc://"}, "--publish", "ipc://PATH"},
        {{"--publish", "tcp://127.0.0.1:5250"}, "--publish", "must differ"},
        {{"--poll", "tcp://0.0.0.0:5250"}, "--poll", "--insecure"},
        {{"--heartbeat", "tcp://*:5252"}, "--heartbeat", "--insecure"},
        {{"--publish", "tcp://10.0.0.1:5251"}, "--publish", "--insecure"},
        {{"--publish", "tcp://127.evil.example.com:5251"}, "--publish", "--insecure"},
        {{"--peer", "tcp://host:0"}, "--peer", "port 1 to 65535"},
        {{"--peer", "tcp://*:5250"}, "--peer", "host"},
        {{"--advertise", "a b"}, "--advertise", "host name"},
        {{"--advertise-poll", "tcp://*:5250"}, "--advertise-poll", "no host to connect to"},
        {{"--advertise-publish", "tcp://h:0"}, "--advertise-publish", "port 1 to 65535"},
        {{"--advertise-heartbeat", "h:5252"}, "--advertise-heartbeat", "tcp://HOST:PORT"},
        {{"--insecure", "--poll", "tcp://*:5250"}, "--publish", "this machine only"},
        {{"--insecure", "--poll", "tcp://*:5250", "--publish", "tcp://*:5251"},
         "--heartbeat",
         "--advertise-heartbeat"},
        {{"--insecure", "--poll", "tcp://10.0.0.1:5250", "--publish", "ipc:///run/p", "--heartbeat",
          "tcp://10.0.0.1:5252"},
         "--publish",
         "this machine only"},
        {{"--insecure", "--poll", "tcp://*:5250", "--advertise", "10.0.0.1"}, "--publish", "others"},
        {{"--advertise-poll", "tcp://nat.example:5250"}, "--publish", "--advertise-publish"},
        {{"--config", "/nonexistent/file.toml"}, "--config", "/nonexistent/file.toml"},
        {{"--turbo"}, "--turbo", "--help"},
        {{"stray"}, "stray", "--help"},
        {{"--json=maybe"}, "--json", "without a value"},
        {{"--config", "/tmp"}, "--config", "directory"},
    };
    for (const Case& c : cases) {
        const auto result = master(c.arguments);
        ASSERT_FALSE(result.has_value()) << c.arguments[0];
        const EarlyExit& early = result.error();
        EXPECT_EQ(early.code, 2);
        EXPECT_EQ(early.output, "");
        EXPECT_NE(early.error.find(c.option), std::string::npos) << early.error;
        EXPECT_NE(early.error.find(c.allowed), std::string::npos) << early.error;
        EXPECT_EQ(std::count(early.error.begin(), early.error.end(), '\n'), 1) << early.error;
        EXPECT_EQ(early.error.back(), '\n');
    }
}

TEST(Options, AnAddressOfIpv6IsAdvertisedWithOrWithoutBrackets) {
    for (const char* host : {"fd00::1", "[fd00::1]"}) {
        const auto m = master({"--advertise", host});
        ASSERT_TRUE(m.has_value()) << host;
        EXPECT_EQ(m->advertise, "[fd00::1]");
    }
}

TEST(Options, LocalEndpointsNeedNoKeysAndOthersAskForInsecure) {
    EXPECT_TRUE(master({"--poll", "tcp://localhost:1"}).has_value());
    EXPECT_TRUE(master({"--poll", "tcp://127.8.8.8:1"}).has_value());
    EXPECT_TRUE(master({"--poll", "tcp://0.0.0.0:1", "--publish", "tcp://0.0.0.0:2", "--heartbeat",
                        "tcp://0.0.0.0:3", "--insecure"})
                    .has_value());
}

TEST(Options, AnEndpointOfThisMachineIsFineWhereAUrlLeadsOthersToIt) {
    const auto m = master({"--insecure", "--poll", "tcp://*:5250", "--heartbeat", "tcp://*:5252",
                           "--advertise-publish", "tcp://nat.example:6251"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_EQ(m->advertise_publish, "tcp://nat.example:6251");
    EXPECT_EQ(m->advertise_poll, "");
    EXPECT_TRUE(master({"--publish", "tcp://10.0.0.1:5251", "--insecure"}).has_value());
}

TEST(Options, ASlaveWithoutAnIdIsAnotherOneEachTimeAndLeavesNothingBehind) {
    const auto one = slave({});
    const auto other = slave({});
    ASSERT_TRUE(one.has_value() && other.has_value());
    EXPECT_NE(one->node.id, other->node.id);
    EXPECT_EQ(one->node.state_dir, "");
    EXPECT_TRUE(one->node.clock_page_is_of_process);
    const auto placed = slave({"--state-dir", "/tmp/s", "--clock-page", "/tmp/p"});
    ASSERT_TRUE(placed.has_value());
    EXPECT_EQ(placed->node.state_dir, "/tmp/s");
    EXPECT_FALSE(placed->node.clock_page_is_of_process);
    ::setenv("HOME", "/home/u", 1);
    const auto named = slave({"--id", "s1"});
    ASSERT_TRUE(named.has_value());
    EXPECT_EQ(named->node.state_dir, "/home/u/.local/state/berkeley/default/s1");
    EXPECT_FALSE(named->node.clock_page_is_of_process);
}

TEST(Options, AFileGivesOptionsAndTheCommandLineWins) {
    const ConfigFile file(
        "interval = \"2s\"\nburst = 12\npeer = [\"tcp://a:1\", \"tcp://b:1\"]\n"
        "clock-drift = -12.5\nstandby = true\njson = false\nid = \"from-file\"\n");
    const auto m = master({"--config", file.path(), "--burst", "20"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_EQ(m->interval, 2s);
    EXPECT_EQ(m->burst, 20U);
    EXPECT_EQ(m->peers.size(), 2U);
    EXPECT_EQ(m->node.clock_drift_ppb, -12'500);
    EXPECT_TRUE(m->standby);
    EXPECT_FALSE(m->node.json);
    EXPECT_EQ(m->node.id.view(), "from-file");
}

TEST(Options, BadFilesAreOneLine) {
    for (const char* text : {"intervall = \"2s\"\n", "interval = \"2\"\n", "burst = [1, 2]\n",
                             "standby = \"yes\"\n", "[table]\nx = 1\n", "interval = = 3\n",
                             "interval = 1979-05-27\n", "config = \"x\"\n", "burst = true\n"}) {
        const ConfigFile file(text);
        const auto result = master({"--config", file.path()});
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_EQ(result.error().code, 2);
        EXPECT_EQ(std::count(result.error().error.begin(), result.error().error.end(), '\n'), 1)
            << result.error().error;
    }
}

TEST(Options, HelpTeachesAndVersionIsOneLine) {
    const auto help = master({"--help"});
    ASSERT_FALSE(help.has_value());
    EXPECT_EQ(help.error().code, 0);
    for (const char* text : {"--interval", "Examples:", "berkeley-slave", "Exit codes", "5250", "--config"}) {
        EXPECT_NE(help.error().output.find(text), std::string::npos) << text;
    }
    const auto version = slave({"--version"});
    ASSERT_FALSE(version.has_value());
    EXPECT_EQ(version.error().code, 0);
    EXPECT_EQ(version.error().output.rfind("berkeley-slave ", 0), 0U);
}

TEST(Options, TheExampleFilesAreAccepted) {
    // Their unit adds keys, without which they may not be bound to.
    const auto m = master({"--config", BERKELEY_SOURCE_DIR "/packaging/config/master.toml", "--insecure"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_EQ(m->poll, "tcp://0.0.0.0:5250");
    const auto s = slave({"--config", BERKELEY_SOURCE_DIR "/packaging/config/slave.toml"});
    ASSERT_TRUE(s.has_value()) << s.error().error;
    EXPECT_EQ(s->masters.size(), 2U);
}

class KeyOptions : public ::testing::Test {
protected:
    KeyOptions() {
        std::filesystem::permissions(directory_.path(), std::filesystem::perms{0755});
        std::filesystem::create_directory(authorized());
        const auto pair = generate_keys().value();
        EXPECT_TRUE(write_own_keys(secret_, node_id("m1"), pair));
        EXPECT_TRUE(write_key_card(card_, {pair.public_key, node_id("m1"), AccessRole::candidate}));
    }
    std::filesystem::path authorized() const { return directory_.path() / "authorized"; }

    TemporaryDirectory directory_;
    std::string secret_ = (directory_.path() / "m1.secret").string();
    std::string card_ = (directory_.path() / "m1.key").string();
    std::string directory_text_ = authorized().string();
};

TEST_F(KeyOptions, TheNameIsThatOfTheKeyAndOtherMachinesMayReachIt) {
    const auto m = master({"--secret-key-file", secret_.c_str(), "--authorized-keys", directory_text_.c_str(),
                           "--poll", "tcp://0.0.0.0:5250", "--publish", "tcp://0.0.0.0:5251", "--heartbeat",
                           "tcp://0.0.0.0:5252"});
    ASSERT_TRUE(m.has_value()) << m.error().error;
    EXPECT_EQ(m->node.id, node_id("m1"));
    EXPECT_TRUE(m->node.keys.any());
}

TEST_F(KeyOptions, ThePublicFileIsCalledSoWhateverItsMode) {
    for (const auto mode : {std::filesystem::perms{0644}, std::filesystem::perms{0600}}) {
        std::filesystem::permissions(card_, mode);
        const auto m =
            master({"--secret-key-file", card_.c_str(), "--authorized-keys", directory_text_.c_str()});
        ASSERT_FALSE(m.has_value());
        EXPECT_NE(m.error().error.find("m1.key: is the public file of a key"), std::string::npos)
            << m.error().error;
        EXPECT_EQ(m.error().error.find("chmod"), std::string::npos) << m.error().error;
    }
    std::filesystem::permissions(secret_, std::filesystem::perms{0644});
    const auto m =
        master({"--secret-key-file", secret_.c_str(), "--authorized-keys", directory_text_.c_str()});
    ASSERT_FALSE(m.has_value());
    EXPECT_NE(m.error().error.find("chmod 600"), std::string::npos) << m.error().error;
}

TEST_F(KeyOptions, AProgramWithASecretKeyHasItsMemoryToItself) {
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 1), 0);
    EXPECT_TRUE(master({"--poll", "tcp://127.0.0.1:1"}).has_value());
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "without a key anybody of this user may look at it";
    EXPECT_TRUE(master({"--secret-key-file", secret_.c_str(), "--authorized-keys", directory_text_.c_str()})
                    .has_value());
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
    ::prctl(PR_SET_DUMPABLE, 1);
}

TEST_F(KeyOptions, WhatDoesNotGoTogetherIsRefusedByName) {
    const char* secret = secret_.c_str();
    const char* directory = directory_text_.c_str();
    const std::string other = generate_keys()->public_key.str();
    const std::string other_file = (directory_.path() / "other").string();
    std::ofstream(other_file) << other;
    const struct {
        std::vector<const char*> arguments;
        const char* complaint;
    } masters[] = {
        {{"--secret-key-file", secret}, "--authorized-keys: is needed"},
        {{"--authorized-keys", directory}, "--secret-key-file: is needed"},
        {{"--secret-key-file", secret, "--authorized-keys", directory, "--insecure"},
         "--insecure: does not go with keys"},
        {{"--secret-key-file", secret, "--authorized-keys", directory, "--id", "m2"},
         "--id: 'm2' is not allowed"},
        {{"--secret-key-file", secret, "--authorized-keys", directory, "--public-key-file",
          other_file.c_str()},
         "--public-key-file"},
        {{"--secret-key-file", secret, "--authorized-keys", "/nonexistent"},
         "--authorized-keys: /nonexistent"},
        {{"--secret-key-file", card_.c_str(), "--authorized-keys", directory}, "--secret-key-file: "},
    };
    for (const auto& row : masters) {
        const auto m = master(row.arguments);
        ASSERT_FALSE(m.has_value()) << row.complaint;
        EXPECT_EQ(m.error().code, 2);
        EXPECT_NE(m.error().error.find(row.complaint), std::string::npos) << m.error().error;
    }
    const auto s = slave({"--secret-key-file", secret});
    ASSERT_FALSE(s.has_value());
    EXPECT_NE(s.error().error.find("--server-key: is needed"), std::string::npos) << s.error().error;
    EXPECT_FALSE(slave({"--secret-key-file", secret, "--server-key", "nonsense"}).has_value());
    EXPECT_TRUE(
        slave({"--secret-key-file", secret, "--server-key", other.c_str(), "--server-key", card_.c_str()})
            .has_value());
}

}  // namespace
}  // namespace berkeley
