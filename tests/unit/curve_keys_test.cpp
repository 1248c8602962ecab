#include "keys/curve_keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

const KeyPair& pair() {
    static const KeyPair keys = *generate_keys();
    return keys;
}

std::string content(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

class KeyFileTest : public ::testing::Test {
protected:
    std::filesystem::path write(const std::string& text, mode_t mode = 0600) {
        const auto path = directory_.path() / "file";
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    TemporaryDirectory directory_;
};

TEST_F(KeyFileTest, ASecretFileIsPrivateAndReadBackWithItsPublicHalf) {
    const auto path = directory_.path() / "s1.secret";
    ASSERT_TRUE(write_own_keys(path, node_id("s1"), pair()).has_value());
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    const auto own = load_own_keys(path);
    ASSERT_TRUE(own.has_value()) << own.error();
    EXPECT_EQ(own->id, node_id("s1"));
    EXPECT_EQ(own->pair.public_key, pair().public_key);
    EXPECT_STREQ(own->pair.secret_key.c_str(), pair().secret_key.c_str());
}

TEST_F(KeyFileTest, NothingIsOverwrittenAndNoLinkFollowed) {
    const auto path = write("precious");
    const auto done = write_own_keys(path, node_id("s1"), pair());
    ASSERT_FALSE(done.has_value());
    EXPECT_NE(done.error().find("exists"), std::string::npos) << done.error();
    EXPECT_EQ(content(path), "precious");
    std::filesystem::create_symlink(directory_.path() / "elsewhere", directory_.path() / "link");
    EXPECT_FALSE(write_own_keys(directory_.path() / "link", node_id("s1"), pair()).has_value());
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "elsewhere"));
}

TEST_F(KeyFileTest, ASecretThatOthersCanReadIsRefused) {
    for (const mode_t mode : {0640U, 0604U, 0660U, 0644U}) {
        const auto own = load_own_keys(write(pair().secret_key.c_str(), mode));
        ASSERT_FALSE(own.has_value()) << std::oct << mode;
        EXPECT_NE(own.error().find("chmod 600"), std::string::npos) << own.error();
    }
    EXPECT_TRUE(load_own_keys(write(pair().secret_key.c_str(), 0400)).has_value());
}

TEST_F(KeyFileTest, ABareKeyIsAKeyWithoutAName) {
    const auto own = load_own_keys(write(std::string(pair().secret_key.c_str()) + "\n"));
    ASSERT_TRUE(own.has_value()) << own.error();
    EXPECT_FALSE(own->id.has_value());
    EXPECT_EQ(own->pair.public_key, pair().public_key);
    const auto card = load_key_card(write(pair().public_key.str() + "\n"));
    ASSERT_TRUE(card.has_value()) << card.error();
    EXPECT_EQ(card->key, pair().public_key);
    EXPECT_FALSE(card->role.has_value());
}

TEST_F(KeyFileTest, APublicFileSaysWhoseItIs) {
    const KeyCard card{pair().public_key, node_id("m1"), AccessRole::candidate};
    const auto again = parse_key_card(key_card_text(card), "x");
    ASSERT_TRUE(again.has_value()) << again.error();
    EXPECT_EQ(again->key, card.key);
    EXPECT_EQ(again->id, card.id);
    EXPECT_EQ(again->role, card.role);
}

TEST_F(KeyFileTest, WhatIsNoKeyFileIsRefusedInOneLineWithoutTheSecret) {
    const std::string secret = pair().secret_key.c_str();
    const std::string good = "public-key = \"" + pair().public_key.str() + "\"\n";
    const std::string other = generate_keys()->public_key.str();
    const struct {
        std::string text;
        std::string complaint;
    } table[] = {
        {"", "secret-key"},
        {good, "is the public file of a key"},
        {secret + "x", "TOML"},
        {"secret-key = \"" + secret.substr(1) + "\"", "40 characters"},
        {"secret-key = \"" + std::string(40, '~') + "\"", "40 characters"},
        {"secret-key = 5", "text in quotes"},
        {"secret-key = \"" + secret + "\"\ncolour = \"red\"", "are allowed"},
        {"secret-key = \"" + secret + "\"\nid = \"../x y\"", "id: 1 to 63"},
        {"secret-key = \"" + secret + "\"\npublic-key = \"" + other + "\"", "does not belong"},
        {std::string(5000, ' '), "4096"},
    };
    for (const auto& row : table) {
        const auto own = load_own_keys(write(row.text));
        ASSERT_FALSE(own.has_value()) << row.text;
        EXPECT_NE(own.error().find(row.complaint), std::string::npos) << own.error();
        EXPECT_EQ(own.error().find('\n'), std::string::npos) << own.error();
        EXPECT_EQ(own.error().find(secret.substr(1)), std::string::npos) << own.error();
    }
    EXPECT_FALSE(parse_key_card(good + "role = \"king\"", "x").has_value());
    EXPECT_FALSE(load_own_keys(directory_.path()).has_value());
    EXPECT_FALSE(load_own_keys(directory_.path() / "none").has_value());
}

TEST_F(KeyFileTest, AFifoIsNotWaitedFor) {
    const auto path = directory_.path() / "fifo";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_FALSE(load_own_keys(path).has_value());
}

}  // namespace
}  // namespace berkeley
