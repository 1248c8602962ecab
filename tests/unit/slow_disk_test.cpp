// What a node does to its disk outside its loop, while the disk answers and while it does not.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <future>

#include "node/key_watch.hpp"
#include "node/learned_saver.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Duration kPatience = seconds{10};

/// A worker with one thread, which a job can hold as a stuck disk does.
class SlowDiskTest : public ::testing::Test {
protected:
    SlowDiskTest() { ::chmod(directory_.path().c_str(), 0755); }
    ~SlowDiskTest() override { mend(); }

    void hang() {
        std::promise<void> hanging;
        ASSERT_TRUE(worker_.submit([&hanging, mended = mended_]() -> Worker::Finish {
            hanging.set_value();
            mended->get_future().wait();
            return {};
        }));
        hanging.get_future().wait();
    }
    void mend() {
        if (!std::exchange(is_mended_, true)) mended_->set_value();
        worker_.settle(kPatience);
        worker_.finish();
    }
    static Learned learned(std::int64_t ppb) { return {ppb, 1, {}}; }
    std::optional<SavedState> load() { return file_->load().value(); }

    TemporaryDirectory directory_;
    std::shared_ptr<StateFile> file_ =
        std::make_shared<StateFile>(StateFile::open(directory_.path()).value());
    Worker worker_{std::make_shared<const Doorbell>(), {.threads = 1}};
    std::shared_ptr<std::promise<void>> mended_ = std::make_shared<std::promise<void>>();
    bool is_mended_ = false;
};

TEST_F(SlowDiskTest, NodesThatWereStartedTogetherSaveAtDifferentTimesAndEverMoreRarely) {
    TrueTime earliest = TrueTime::max();
    TrueTime latest{};
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        LearnedSaver saver(worker_, file_, Prng{seed}, TrueTime{});
        std::vector<TrueTime> saves;
        for (TrueTime now{}; now < TrueTime{hours{12}}; now += seconds{1}) {
            if (!saver.due(now)) continue;
            saves.push_back(now);
            saver.save(learned(1), now);
            mend();
        }
        earliest = std::min(earliest, saves.front());
        latest = std::max(latest, saves.front());
        ASSERT_GE(saves.size(), 14U);
        EXPECT_LE(saves.size(), 24U);
        const Duration last = saves.back() - saves[saves.size() - 2];
        EXPECT_GE(last, std::chrono::minutes{44});
        EXPECT_LE(last, std::chrono::minutes{76});
    }
    EXPECT_GE(earliest, TrueTime{seconds{22}});
    EXPECT_LE(latest, TrueTime{seconds{38}});
    EXPECT_GE(latest - earliest, seconds{8});
}

TEST_F(SlowDiskTest, AWaveOfChangesIsOneSave) {
    LearnedSaver saver(worker_, file_, Prng{1}, TrueTime{});
    for (int i = 0; i < 100; ++i) saver.hurry();
    ASSERT_TRUE(saver.due(TrueTime{seconds{1}}));
    saver.save(learned(7), TrueTime{seconds{1}});
    mend();
    EXPECT_FALSE(saver.due(TrueTime{seconds{2}}));
    ASSERT_TRUE(file_->save(Promises{}).has_value());
    EXPECT_EQ(load()->learned, learned(7));
}

TEST_F(SlowDiskTest, WhileADiskIsStuckOneSaveWaitsAndTheEndGivesUp) {
    hang();
    LearnedSaver saver(worker_, file_, Prng{1}, TrueTime{});
    saver.hurry();
    saver.save(learned(1), TrueTime{seconds{1}});
    saver.hurry();
    for (int second = 2; second < 1000; ++second) EXPECT_FALSE(saver.due(TrueTime{seconds{second}}));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_FALSE(saver.save_last(learned(2)));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds{500});
    mend();
    ASSERT_TRUE(saver.due(TrueTime{seconds{1000}})) << "what changed meanwhile is saved then";
    EXPECT_TRUE(saver.save_last(learned(3)));
    worker_.settle(kPatience);
    ASSERT_TRUE(file_->save(Promises{}).has_value());
    EXPECT_EQ(load()->learned, learned(3));
}

TEST_F(SlowDiskTest, AFailedSaveIsToldOnce) {
    std::filesystem::create_directory(directory_.path() / "learned.new");
    LearnedSaver saver(worker_, file_, Prng{1}, TrueTime{});
    EXPECT_FALSE(saver.take_failure());
    saver.hurry();
    saver.save(learned(1), TrueTime{});
    mend();
    const auto why = saver.take_failure();
    ASSERT_TRUE(why);
    EXPECT_NE(why->find("learned: cannot save the state"), std::string::npos) << *why;
    EXPECT_FALSE(saver.take_failure());
}

TEST_F(SlowDiskTest, ADirectoryOfKeysThatHangsHoldsUpNobodyAndIsReadWholeWhenItAnswers) {
    const PublicKey key = generate_keys()->public_key;
    TemporaryDirectory keys;
    ::chmod(keys.path().c_str(), 0755);
    const auto put = [&](const char* id) {
        std::ofstream(keys.path() / "s1.key") << key_card_text({key, node_id(id), AccessRole::slave});
    };
    put("s1");
    KeyWatch watch(worker_, KeyDirectory::open(keys.path(), {}, {}).value());
    watch.look(KeyDirectory::Thoroughness::changes);
    mend();
    const auto first = watch.take();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->ring->find(key)->id, node_id("s1"));

    is_mended_ = false;
    mended_ = std::make_shared<std::promise<void>>();
    hang();
    // It waits behind the stuck job; that everything is to be read is asked for while it does.
    watch.look(KeyDirectory::Thoroughness::changes);
    for (int second = 0; second < 1000; ++second) {
        watch.look(KeyDirectory::Thoroughness::everything);
        worker_.finish();
        EXPECT_FALSE(watch.take());
    }
    EXPECT_EQ(first->ring->find(key)->id, node_id("s1")) << "in force meanwhile";
    put("s2");
    mend();
    ASSERT_TRUE(watch.take());
    mend();
    const auto second = watch.take();
    ASSERT_TRUE(second) << "asked for while the first one hung";
    EXPECT_EQ(second->ring->find(key)->id, node_id("s2"));
    EXPECT_FALSE(watch.take());
}

}  // namespace
}  // namespace berkeley
