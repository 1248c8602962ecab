// The clock page as applications see it: written by ClockPageWriter, read through the public C API.

#include "page/clock_page.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "base/prng.hpp"
#include "berkeley/clock.h"
#include "os/os_clock.hpp"

namespace berkeley {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ClusterTime kEpoch = from_ns<ClusterTime>(1'767'225'600'000'000'000);

class ClockPageTest : public ::testing::Test {
protected:
    ClockPageTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-page-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
    }
    ~ClockPageTest() override { std::filesystem::remove_all(folder_); }

    std::string path() const { return (folder_ / "page").string(); }

    static PageContent content() {
        PageContent c;
        c.generation = 42;
        c.map.anchor_true = true_now();
        c.map.anchor_cluster = kEpoch;
        c.bound = microseconds{80};
        c.bound_at = c.map.anchor_true;
        c.rho_ppb = 50'000;
        c.valid_for = seconds{10};
        c.holdover_for = seconds{10};
        c.status = ClockStatus::synchronized;
        c.term = 3;
        c.round = 9;
        return c;
    }

    berkeley_clock_interval read() {
        berkeley_clock* clock = nullptr;
        EXPECT_EQ(berkeley_clock_open(path().c_str(), &clock), BERKELEY_CLOCK_OK);
        berkeley_clock_interval interval{};
        EXPECT_EQ(berkeley_clock_now(clock, &interval), BERKELEY_CLOCK_OK);
        berkeley_clock_close(clock);
        return interval;
    }

    std::filesystem::path folder_;
};

TEST_F(ClockPageTest, ReaderSeesTheWritersClockAndBound) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    const PageContent c = content();
    writer->publish(c);
    const TrueTime before = true_now();
    const berkeley_clock_interval interval = read();
    const TrueTime after = true_now();
    EXPECT_GE(interval.now_ns, to_ns(c.map.cluster(before)));
    EXPECT_LE(interval.now_ns, to_ns(c.map.cluster(after)));
    EXPECT_EQ(interval.status, BERKELEY_CLOCK_SYNCHRONIZED);
    EXPECT_EQ(interval.term, 3U);
    EXPECT_LE(interval.earliest_ns, interval.now_ns - 80'000);
    EXPECT_GE(interval.latest_ns, interval.now_ns + 80'000);
}

TEST_F(ClockPageTest, BoundGrowsWithAgeAndTheStatusFallsByItself) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    const auto aged = [&](Duration age) {
        PageContent c = content();
        c.bound_at = true_now() - age;
        writer->publish(c);
        return read();
    };
    const auto fresh = aged(Duration{0});
    const auto old = aged(seconds{8});
    // 50 ppm over 8 s are 400 us, on both sides.
    EXPECT_GE((old.latest_ns - old.earliest_ns) - (fresh.latest_ns - fresh.earliest_ns), 2 * 399'000);
    EXPECT_EQ(old.status, BERKELEY_CLOCK_SYNCHRONIZED);
    EXPECT_EQ(aged(seconds{11}).status, BERKELEY_CLOCK_HOLDOVER);
    EXPECT_EQ(aged(seconds{21}).status, BERKELEY_CLOCK_UNSYNCHRONIZED);
}

TEST_F(ClockPageTest, NoMapThatTakesOverMakesTimeRunBackward) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    writer->publish(content());
    const auto before = read();
    PageContent behind = content();
    behind.map.anchor_cluster = kEpoch - milliseconds{5};
    writer->publish(behind);
    EXPECT_GE(read().now_ns, before.now_ns);
}

TEST_F(ClockPageTest, StepMayGoBackwardAndRaisesTheDisruptionCount) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    writer->publish(content());
    const auto before = read();
    PageContent stepped = content();
    stepped.map.anchor_cluster = kEpoch - hours{1};
    stepped.step = true;
    writer->publish(stepped);
    const auto after = read();
    EXPECT_LT(after.now_ns, before.now_ns - 3'500'000'000'000);
    EXPECT_EQ(after.disruption, before.disruption + 1);
}

TEST_F(ClockPageTest, RestartedWriterContinuesTheTimeOfThePage) {
    std::int64_t before = 0;
    {
        auto writer = ClockPageWriter::create(path());
        ASSERT_TRUE(writer) << writer.error();
        writer->publish(content());
        before = read().now_ns;
    }
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    PageContent next = content();
    next.map.anchor_cluster = kEpoch - milliseconds{20};
    writer->publish(next);
    EXPECT_GE(read().now_ns, before);
}

TEST_F(ClockPageTest, TwoWritersOfOnePageAreRefused) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    EXPECT_FALSE(ClockPageWriter::create(path()));
}

TEST_F(ClockPageTest, LinksAndForeignFilesAreRefusedAsPages) {
    std::filesystem::create_symlink(folder_ / "elsewhere", path());
    EXPECT_FALSE(ClockPageWriter::create(path()));
    std::filesystem::remove(path());
    std::ofstream(path()) << "a file of somebody's";
    EXPECT_FALSE(ClockPageWriter::create(path()));
    berkeley_clock* clock = nullptr;
    EXPECT_EQ(berkeley_clock_open(path().c_str(), &clock), BERKELEY_CLOCK_ERR_FORMAT);
    EXPECT_EQ(berkeley_clock_open((folder_ / "none").c_str(), &clock), BERKELEY_CLOCK_ERR_NOT_FOUND);
    EXPECT_EQ(berkeley_clock_open(nullptr, &clock), BERKELEY_CLOCK_ERR_ARGUMENT);
}

TEST_F(ClockPageTest, ReadersNeverSeeTimeFallNorATornPageWhileTheWriterIsAtFullSpeed) {
    auto writer = ClockPageWriter::create(path());
    ASSERT_TRUE(writer) << writer.error();
    PageContent c = content();
    writer->publish(c);
    std::atomic<bool> stop{false};
    const auto reader = [&] {
        berkeley_clock* clock = nullptr;
        ASSERT_EQ(berkeley_clock_open(path().c_str(), &clock), BERKELEY_CLOCK_OK);
        berkeley_clock_interval last{};
        while (!stop.load()) {
            berkeley_clock_interval now{};
            if (berkeley_clock_now(clock, &now) != BERKELEY_CLOCK_OK) continue;  // the writer was preempted
            ASSERT_GE(now.now_ns, last.now_ns);
            // Term and bound are written together: a torn page would show one without the other.
            const std::int64_t width = now.latest_ns - now.earliest_ns;
            ASSERT_EQ(now.term % 2 == 0, width > 4'000'000'000) << now.term << ' ' << width;
            last = now;
        }
        berkeley_clock_close(clock);
    };
    std::thread first(reader);
    std::thread second(reader);
    Prng prng(7);
    for (int i = 0; i < 200'000; ++i) {
        const TrueTime now = true_now();
        c.map.anchor_cluster = c.map.cluster(now);
        c.map.anchor_true = now;
        c.map.rate = FineRate::from_ppb(static_cast<std::int64_t>(prng.below(1'000'000)) - 500'000);
        c.term = static_cast<Term>(i);
        c.bound = i % 2 == 0 ? Duration{seconds{3}} : Duration{microseconds{10}};
        c.bound_at = c.map.anchor_true;
        writer->publish(c);
    }
    stop = true;
    first.join();
    second.join();
}

}  // namespace
}  // namespace berkeley
