#include "keys/key_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using Thoroughness = KeyDirectory::Thoroughness;

PublicKey new_key() { return generate_keys()->public_key; }

class KeyringTest : public ::testing::Test {
protected:
    KeyringTest() { ::chmod(directory_.path().c_str(), 0755); }

    void put(const std::string& name, const PublicKey& key, const std::string& id, AccessRole role) {
        put_text(name, key_card_text({key, node_id(id), role}));
    }
    /// Whole, as berkeleyctl does.
    void put_text(const std::string& name, const std::string& text) {
        std::ofstream(directory_.path() / ".draft") << text;
        std::filesystem::rename(directory_.path() / ".draft", directory_.path() / name);
    }
    /// No two changes of a test are in one tick of the file system's clock.
    void touch(std::chrono::hours ahead) {
        std::filesystem::last_write_time(directory_.path(),
                                         std::filesystem::file_time_type::clock::now() + ahead);
    }
    void remove(const std::string& name) { std::filesystem::remove(directory_.path() / name); }
    KeyDirectory open(std::vector<Pin> pins = {}) {
        return KeyDirectory::open(directory_.path(), std::move(pins), own_).value();
    }
    struct Reading {
        bool changed;
        std::vector<std::string> complaints;
    };
    static Reading read(KeyDirectory& keys, Thoroughness thoroughness) {
        const auto before = keys.ring();
        auto complaints = keys.read(thoroughness);
        return {keys.ring() != before, std::move(complaints)};
    }

    TemporaryDirectory directory_;
    PublicKey own_ = new_key();
};

TEST_F(KeyringTest, AFileAuthorisesItsKeyAndNoOther) {
    const PublicKey key = new_key();
    put("a.key", key, "s1", AccessRole::slave);
    const Keyring ring = *open().ring();
    ASSERT_NE(ring.find(key), nullptr);
    EXPECT_EQ(*ring.find(key), (PeerIdentity{node_id("s1"), AccessRole::slave}));
    EXPECT_EQ(ring.find(new_key()), nullptr);
}

TEST_F(KeyringTest, WithoutADirectoryNobodyIsAuthorised) {
    const PublicKey server = new_key();
    const Keyring ring = *KeyDirectory::open({}, {{server, std::nullopt}}, own_).value().ring();
    EXPECT_EQ(ring.find(server), nullptr);
    EXPECT_TRUE(ring.pinned(server));
}

TEST_F(KeyringTest, CandidatesArePinnedAndTheOwnKeyIsNot) {
    const PublicKey m2 = new_key();
    const PublicKey given = new_key();
    put("m1.key", own_, "m1", AccessRole::candidate);
    put("m2.key", m2, "m2", AccessRole::candidate);
    put("s1.key", new_key(), "s1", AccessRole::slave);
    const Keyring ring = *open({{given, std::nullopt}}).ring();
    ASSERT_EQ(ring.pins().size(), 2U);
    EXPECT_EQ(ring.pins()[0].key, given);
    EXPECT_EQ(ring.pins()[1].key, m2);
    EXPECT_EQ(ring.pins()[1].id, node_id("m2"));
}

TEST_F(KeyringTest, TwoKeysOfOneNodeAreBothGood) {
    const PublicKey older = new_key();
    const PublicKey newer = new_key();
    put("s1-a.key", older, "s1", AccessRole::slave);
    put("s1-b.key", newer, "s1", AccessRole::slave);
    const Keyring ring = *open().ring();
    EXPECT_EQ(ring.find(older)->id, node_id("s1"));
    EXPECT_EQ(ring.find(newer)->id, node_id("s1"));
}

TEST_F(KeyringTest, ABareKeyBelongsToTheNodeThatItsFileIsNamedAfterAsASlave) {
    const PublicKey key = new_key();
    put_text("s7.key", key.str() + "\n");
    const Keyring ring = *open().ring();
    ASSERT_NE(ring.find(key), nullptr);
    EXPECT_EQ(*ring.find(key), (PeerIdentity{node_id("s7"), AccessRole::slave}));
}

TEST_F(KeyringTest, AChangeOfTheDirectoryIsSeenWithoutBeingAskedFor) {
    KeyDirectory keys = open();
    const PublicKey key = new_key();
    put("s1.key", key, "s1", AccessRole::slave);
    touch(std::chrono::hours{1});
    EXPECT_TRUE(read(keys, Thoroughness::changes).changed);
    EXPECT_NE(keys.ring()->find(key), nullptr);
    read(keys, Thoroughness::changes);  // the second look
    EXPECT_FALSE(read(keys, Thoroughness::changes).changed);
    remove("s1.key");
    touch(std::chrono::hours{2});
    EXPECT_TRUE(read(keys, Thoroughness::changes).changed);
    EXPECT_EQ(keys.ring()->find(key), nullptr);
}

TEST_F(KeyringTest, AFileThatWasEditedInPlaceIsReadOnDemand) {
    const PublicKey before = new_key();
    const PublicKey after = new_key();
    put("s1.key", before, "s1", AccessRole::slave);
    KeyDirectory keys = open();
    std::ofstream(directory_.path() / "s1.key") << key_card_text({after, node_id("s1"), AccessRole::slave});
    EXPECT_TRUE(read(keys, Thoroughness::everything).changed);
    EXPECT_EQ(keys.ring()->find(before), nullptr);
    EXPECT_NE(keys.ring()->find(after), nullptr);
}

TEST_F(KeyringTest, ADamagedFileAuthorisesNobodyAndIsNamedOnce) {
    const PublicKey key = new_key();
    put("s1.key", key, "s1", AccessRole::slave);
    KeyDirectory keys = open();
    put_text("s1.key", "public-key = \"" + key.str().substr(1) + "\"");
    const auto first = read(keys, Thoroughness::everything);
    EXPECT_TRUE(first.changed);
    ASSERT_EQ(first.complaints.size(), 1U);
    EXPECT_NE(first.complaints[0].find("s1.key"), std::string::npos);
    EXPECT_EQ(keys.ring()->find(key), nullptr);
    EXPECT_TRUE(read(keys, Thoroughness::everything).complaints.empty());
    EXPECT_FALSE(KeyDirectory::open(directory_.path(), {}, own_).has_value())
        << "no start with a damaged file";
}

TEST_F(KeyringTest, AKeyThatIsGivenToTwoNodesIsNobodys) {
    const PublicKey key = new_key();
    put("a.key", key, "s1", AccessRole::slave);
    KeyDirectory keys = open();
    put("b.key", key, "m1", AccessRole::candidate);
    const auto refreshed = read(keys, Thoroughness::everything);
    EXPECT_EQ(refreshed.complaints.size(), 1U);
    EXPECT_EQ(keys.ring()->find(key), nullptr);
    EXPECT_FALSE(keys.ring()->pinned(key));
}

TEST_F(KeyringTest, WhereTheDirectoryCannotBeReadTheOldKeysStay) {
    const PublicKey key = new_key();
    put("s1.key", key, "s1", AccessRole::slave);
    KeyDirectory keys = open();
    const auto moved = directory_.path().string() + "-moved";
    std::filesystem::rename(directory_.path(), moved);
    const auto refreshed = read(keys, Thoroughness::changes);
    EXPECT_FALSE(refreshed.changed);
    EXPECT_EQ(refreshed.complaints.size(), 1U);
    EXPECT_NE(keys.ring()->find(key), nullptr);
    std::filesystem::rename(moved, directory_.path());
    EXPECT_TRUE(read(keys, Thoroughness::changes).complaints.empty());
}

TEST_F(KeyringTest, ADirectoryThatOthersCanWriteIsRefused) {
    for (const mode_t mode : {0775U, 0757U, 01777U}) {
        ::chmod(directory_.path().c_str(), mode);
        const auto ring = KeyDirectory::open(directory_.path(), {}, own_);
        ASSERT_FALSE(ring.has_value());
        EXPECT_NE(ring.error().find("chmod go-w"), std::string::npos) << ring.error();
    }
}

TEST_F(KeyringTest, AFileThatOthersCanWriteAuthorisesNobody) {
    const PublicKey key = new_key();
    put("s1.key", key, "s1", AccessRole::slave);
    KeyDirectory keys = open();
    for (const mode_t mode : {0664U, 0646U}) {
        ::chmod((directory_.path() / "s1.key").c_str(), mode);
        const auto refreshed = read(keys, Thoroughness::everything);
        ASSERT_EQ(refreshed.complaints.size(), mode == 0664U ? 1U : 0U) << "once, not again";
        EXPECT_EQ(keys.ring()->find(key), nullptr);
        const auto fresh = KeyDirectory::open(directory_.path(), {}, own_);
        ASSERT_FALSE(fresh.has_value());
        EXPECT_NE(fresh.error().find("s1.key: others can write this file"), std::string::npos)
            << fresh.error();
    }
    ::chmod((directory_.path() / "s1.key").c_str(), 0644);
    EXPECT_TRUE(read(keys, Thoroughness::everything).changed);
    EXPECT_NE(keys.ring()->find(key), nullptr);
}

TEST_F(KeyringTest, AFileOfAnotherUserAuthorisesNobody) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    put("s1.key", new_key(), "s1", AccessRole::slave);
    ASSERT_EQ(::chown((directory_.path() / "s1.key").c_str(), 12345, 0), 0);
    const auto ring = KeyDirectory::open(directory_.path(), {}, own_);
    ASSERT_FALSE(ring.has_value());
    EXPECT_NE(ring.error().find("s1.key: belongs to another user"), std::string::npos) << ring.error();
}

TEST_F(KeyringTest, ALinkAuthorisesNobody) {
    TemporaryDirectory elsewhere;
    std::ofstream(elsewhere.path() / "file") << key_card_text({new_key(), node_id("s1"), AccessRole::slave});
    std::filesystem::create_symlink(elsewhere.path() / "file", directory_.path() / "s1.key");
    const auto ring = KeyDirectory::open(directory_.path(), {}, own_);
    ASSERT_FALSE(ring.has_value());
    EXPECT_NE(ring.error().find("s1.key: is a link"), std::string::npos) << ring.error();
}

TEST_F(KeyringTest, HiddenAndOtherFilesAreNotLookedAt) {
    put_text(".hidden.key", "garbage");
    put_text("README", "garbage");
    EXPECT_EQ(open().ring()->size(), 0U);
}

}  // namespace
}  // namespace berkeley
