#include "state/state_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <sstream>

namespace berkeley {
namespace {

class StateFileTest : public ::testing::Test {
protected:
    StateFileTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-state-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~StateFileTest() override { std::filesystem::remove_all(directory_); }

    static Promises promises() {
        Promises p;
        p.id = node_id("m1");
        p.term = 42;
        p.incarnation = std::numeric_limits<std::uint64_t>::max();
        p.voted_for = node_id("m1");
        p.committee = {41, 3, {{node_id("m1"), 9}, {node_id("s1"), 10}}};
        return p;
    }
    static Learned learned() {
        return {-12'345,
                67,
                {"0123456789abcdef", "b1-b2", "tsc", 30'000},
                {{node_id("m1"), -3, Url::from("tcp://a:1").value(), Url::from("tcp://a:2").value(),
                  Url::from("tcp://a:3").value()}}};
    }

    std::string content(const char* name = "state") const {
        std::ostringstream text;
        text << std::ifstream(directory_ / name).rdbuf();
        return text.str();
    }
    void overwrite(const std::string& text, const char* name = "state") const {
        std::ofstream(directory_ / name) << text;
    }

    std::filesystem::path directory_;
};

TEST_F(StateFileTest, NothingSavedIsNotAnError) {
    const auto file = StateFile::open(directory_ / "not/there/yet");
    ASSERT_TRUE(file.has_value()) << file.error();
    const auto state = file->load();
    ASSERT_TRUE(state.has_value()) << state.error();
    EXPECT_FALSE(state->has_value());
}

TEST_F(StateFileTest, NowhereNothingIsKeptAndNothingFails) {
    const StateFile nowhere = StateFile::nowhere();
    EXPECT_TRUE(nowhere.save(Promises{}).has_value());
    EXPECT_TRUE(nowhere.save(Learned{}).has_value());
    const auto loaded = nowhere.load();
    ASSERT_TRUE(loaded.has_value());
    EXPECT_FALSE(loaded->has_value());
}

TEST_F(StateFileTest, ReadsBackWhatItSavedLast) {
    {
        const auto file = StateFile::open(directory_);
        ASSERT_TRUE(file.has_value()) << file.error();
        ASSERT_TRUE(file->save(Promises{}).has_value());
        ASSERT_TRUE(file->save(Learned{}).has_value());
        ASSERT_TRUE(file->save(promises()).has_value());
        ASSERT_TRUE(file->save(learned()).has_value());
    }
    const auto again = StateFile::open(directory_);
    ASSERT_TRUE(again.has_value()) << again.error();
    const auto loaded = again->load();
    ASSERT_TRUE(loaded.has_value() && loaded->has_value()) << loaded.error();
    EXPECT_EQ((*loaded)->promises, promises());
    EXPECT_EQ((*loaded)->learned, learned());
    EXPECT_EQ((*loaded)->learned_lost, "");
    for (const char* name : {"state", "learned"}) {
        EXPECT_FALSE(std::filesystem::exists(directory_ / (std::string(name) + ".new")));
        struct stat status {};
        ASSERT_EQ(::stat((directory_ / name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
    }
}

TEST_F(StateFileTest, AFileOfAnEarlierReleaseHoldsBothAndNeitherIsLostWhenPromisesAreSaved) {
    // As berkeley-master 0.1 wrote it.
    const std::string old =
        R"({"format":1,"id":"m1","term":42,"voted_for":"m1","incarnation":18446744073709551615,)"
        R"("freq_ppb":-12345,"freq_skew_ppb":67,"committee":{"term":41,"version":3,"voters":[)"
        R"({"id":"m1","incarnation":9},{"id":"s1","incarnation":10}]},"candidates":[{"id":"m1",)"
        R"("priority":-3,"poll":"tcp://a:1","publish":"tcp://a:2","heartbeat":"tcp://a:3"}]})"
        "\ncrc32 b6bbb0d1\n";
    overwrite(old);
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    for (int start = 0; start < 2; ++start) {
        const auto loaded = file->load();
        ASSERT_TRUE(loaded.has_value() && loaded->has_value()) << loaded.error();
        EXPECT_EQ((*loaded)->promises, promises());
        Learned early = learned();
        early.oscillator = {};  // such a release did not know whose rate it was
        EXPECT_EQ((*loaded)->learned, early);
        ASSERT_TRUE(file->save(promises()).has_value());
    }
}

TEST_F(StateFileTest, WhatWasLearnedAndIsDamagedIsLearnedAnewAndThePromisesHold) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    ASSERT_TRUE(file->save(promises()).has_value());
    ASSERT_TRUE(file->save(learned()).has_value());
    const std::string good = content("learned");
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        overwrite(bad, "learned");
        const auto loaded = file->load();
        ASSERT_TRUE(loaded.has_value() && loaded->has_value()) << "byte " << i;
        EXPECT_EQ((*loaded)->promises, promises());
        EXPECT_EQ((*loaded)->learned, Learned{});
        EXPECT_NE((*loaded)->learned_lost.find("learned anew"), std::string::npos);
        EXPECT_EQ((*loaded)->learned_lost.find('\n'), std::string::npos);
    }
}

TEST_F(StateFileTest, AnyChangedByteIsSeenAndToldInOneLine) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    ASSERT_TRUE(file->save(promises()).has_value());
    const std::string good = content();
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        overwrite(bad);
        const auto state = file->load();
        ASSERT_FALSE(state.has_value()) << "byte " << i;
        EXPECT_EQ(state.error().find('\n'), std::string::npos);
        EXPECT_NE(state.error().find("move the file away"), std::string::npos) << state.error();
    }
}

TEST_F(StateFileTest, TermsThatNoElectionCanFollowAreRefused) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    for (const bool of_committee : {false, true}) {
        Promises state = promises();
        (of_committee ? state.committee.term : state.term) = kTermMax;
        ASSERT_TRUE(file->save(state).has_value());
        EXPECT_TRUE(file->load().has_value());
        (of_committee ? state.committee.term : state.term) = kTermMax + 1;
        ASSERT_TRUE(file->save(state).has_value());
        EXPECT_FALSE(file->load().has_value());
    }
}

TEST_F(StateFileTest, AnyTruncationIsSeen) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    ASSERT_TRUE(file->save(promises()).has_value());
    const std::string good = content();
    for (std::size_t size = 0; size < good.size(); ++size) {
        overwrite(good.substr(0, size));
        EXPECT_FALSE(file->load().has_value()) << size << " bytes";
    }
    overwrite(std::string(100'000, 'x'));
    EXPECT_FALSE(file->load().has_value());
}

TEST_F(StateFileTest, AHalfWrittenNewFileDoesNotHurt) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    ASSERT_TRUE(file->save(promises()).has_value());
    std::ofstream(directory_ / "state.new") << "{\"term\":43";
    EXPECT_EQ(file->load().value()->promises, promises());
    EXPECT_TRUE(file->save(promises()).has_value());
}

TEST_F(StateFileTest, ADirectoryServesOneProcessOnly) {
    const auto file = StateFile::open(directory_);
    ASSERT_TRUE(file.has_value()) << file.error();
    const auto other = StateFile::open(directory_);
    ASSERT_FALSE(other.has_value());
    EXPECT_NE(other.error().find("in use by another process"), std::string::npos) << other.error();
}

}  // namespace
}  // namespace berkeley
