// The clock page where things go wrong: garbage, torn and aged pages, restarts,
// commit-wait. Planted files: clock_page_place_test.cpp.

#include "page/clock_page.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "berkeley/clock.hpp"
#include "os/os_clock.hpp"

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kCluster = 1'700'000'000'000'000'000;

class ClockPageRobustness : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-page-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = (folder_ / "cluster" / "s1").string();
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    /// A plain synchronized clock that reads `cluster_ns` now.
    static PageContent content(std::int64_t cluster_ns = kCluster) {
        PageContent content;
        content.generation = 7;
        content.map.anchor_true = true_now();
        content.map.anchor_cluster = from_ns<ClusterTime>(cluster_ns);
        content.bound = std::chrono::microseconds{10};
        content.bound_at = content.map.anchor_true;
        content.valid_for = seconds{10};
        content.holdover_for = seconds{60};
        content.status = ClockStatus::synchronized;
        content.term = 3;
        content.round = 17;
        return content;
    }

    ClockPageWriter writer() {
        auto created = ClockPageWriter::create(path_);
        EXPECT_TRUE(created) << (created ? "" : created.error());
        return std::move(*created);
    }

    std::string error_of_create() {
        auto created = ClockPageWriter::create(path_);
        return created ? "" : created.error();
    }

    /// Overwrites one word of the page behind everybody's back.
    void poke(berkeley_page_word index, std::uint64_t value) {
        const int fd = ::open(path_.c_str(), O_RDWR);
        ASSERT_EQ(::pwrite(fd, &value, sizeof value, 8 * static_cast<off_t>(index)), 8);
        ::close(fd);
    }

    std::uint64_t peek(berkeley_page_word index) {
        std::uint64_t value = 0;
        const int fd = ::open(path_.c_str(), O_RDONLY);
        EXPECT_EQ(::pread(fd, &value, sizeof value, 8 * static_cast<off_t>(index)), 8);
        ::close(fd);
        return value;
    }

    void write_file(const std::string& bytes) {
        std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
        std::ofstream(path_, std::ios::binary) << bytes;
    }

    std::filesystem::path folder_;
    std::string path_;
};

TEST_F(ClockPageRobustness, FoldersAndFileAreReadableByAllDespiteUmask) {
    const mode_t old = ::umask(077);
    { auto page = writer(); }
    ::umask(old);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0644U);
    EXPECT_EQ(status.st_size, BERKELEY_PAGE_BYTES);
    ASSERT_EQ(::stat((folder_ / "cluster").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U);
    // The temporary name is gone.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "cluster"), {}), 1);
}

TEST_F(ClockPageRobustness, PageWithoutPublicationIsEmpty) {
    auto page = writer();
    const SharedClock clock(path_);
    ClockInterval reading;
    EXPECT_EQ(clock.try_now(reading), BERKELEY_CLOCK_ERR_EMPTY);
    EXPECT_EQ(reading.status, BERKELEY_CLOCK_UNSYNCHRONIZED);
}

TEST_F(ClockPageRobustness, NewMapThatLiesBehindHoldsTimeStillAndWidensTheBound) {
    auto page = writer();
    page.publish(content());
    const SharedClock clock(path_);
    const auto first = clock.now();
    page.publish(content(kCluster - 5'000'000'000));
    const auto second = clock.now();
    EXPECT_GE(second.now_ns, first.now_ns);
    EXPECT_LT(second.now_ns - first.now_ns, 1'000'000'000);
    EXPECT_GE(second.now_ns - second.earliest_ns, 4'000'000'000);
    EXPECT_EQ(second.disruption, first.disruption);
}

TEST_F(ClockPageRobustness, BoundGrowsWithAgeAndWithWhatIsUnslewed) {
    auto page = writer();
    auto aged = content();
    aged.bound_at -= seconds{2};
    aged.rho_ppb = 50'000;
    aged.map.slew = milliseconds{-3};
    aged.map.slew_rate = FineRate::from_ppb(500'000);
    page.publish(aged);
    const SharedClock clock(path_);
    const auto reading = clock.now();
    // 10 us + 2 s * 50 ppm + 3 ms, the last two moving while the test runs.
    const std::int64_t bound = reading.latest_ns - reading.now_ns;
    EXPECT_NEAR(static_cast<double>(bound), 3'110'000, 100'000);
    EXPECT_GE(bound, 10'000 + 100'000);
}

TEST_F(ClockPageRobustness, SlewWithoutRateStaysInTheBound) {
    auto page = writer();
    auto stuck = content();
    stuck.map.slew = milliseconds{-3};
    page.publish(stuck);
    const auto reading = SharedClock(path_).now();
    EXPECT_NEAR(static_cast<double>(reading.latest_ns - reading.now_ns), 3'010'000, 10);
}

TEST_F(ClockPageRobustness, BoundThatSaysNothingDoesNotOverflow) {
    auto page = writer();
    auto unknown = content();
    unknown.bound = Duration::max();
    unknown.rho_ppb = 1'000'000'000;
    unknown.bound_at = from_ns<TrueTime>(0);
    page.publish(unknown);
    const auto reading = SharedClock(path_).now();
    EXPECT_LT(reading.earliest_ns, 0);
    EXPECT_GT(reading.latest_ns, reading.now_ns);
}

TEST_F(ClockPageRobustness, PageOfAnotherBootIsUnsynchronized) {
    auto page = writer();
    auto future = content();
    future.bound_at += seconds{1000};
    page.publish(future);
    EXPECT_EQ(SharedClock(path_).now().status, BERKELEY_CLOCK_UNSYNCHRONIZED);
}

TEST_F(ClockPageRobustness, ReaderGivesUpOnAWriterThatDiedInTheMiddle) {
    auto page = writer();
    page.publish(content());
    const SharedClock clock(path_);
    poke(BERKELEY_PAGE_SEQUENCE, 3);
    ClockInterval reading;
    EXPECT_EQ(clock.try_now(reading), BERKELEY_CLOCK_ERR_BUSY);
    EXPECT_EQ(reading.status, BERKELEY_CLOCK_UNSYNCHRONIZED);
}

TEST_F(ClockPageRobustness, RestartCloseByKeepsTimeMonotonic) {
    const auto ahead = content(kCluster + 500'000'000);
    { writer().publish(ahead); }
    const SharedClock clock(path_);
    const auto first = clock.now();
    auto page = writer();
    EXPECT_EQ(clock.now().status, BERKELEY_CLOCK_SYNCHRONIZED);
    auto behind = ahead;
    behind.map.anchor_cluster -= milliseconds{400};
    page.publish(behind);
    const auto second = clock.now();
    EXPECT_GE(second.now_ns, first.now_ns);
    EXPECT_EQ(second.disruption, first.disruption);
}

TEST_F(ClockPageRobustness, RestartFarOffIsAStepInBothDirections) {
    const auto old = content();
    { writer().publish(old); }
    const SharedClock clock(path_);
    const std::uint32_t before = clock.now().disruption;
    auto behind = old;
    behind.map.anchor_cluster -= seconds{3};
    { writer().publish(behind); }
    EXPECT_EQ(clock.now().disruption, before + 1);
    EXPECT_EQ(peek(BERKELEY_PAGE_FLOOR), static_cast<std::uint64_t>(INT64_MIN));
    { writer().publish(old); }
    EXPECT_EQ(clock.now().disruption, before + 2);
}

TEST_F(ClockPageRobustness, TakeoverOfATornPageIsAStep) {
    { writer().publish(content()); }
    const SharedClock clock(path_);
    const std::uint32_t before = clock.now().disruption;
    poke(BERKELEY_PAGE_SEQUENCE, 3);
    poke(BERKELEY_PAGE_FLOOR, INT64_MAX);
    auto page = writer();
    page.publish(content());
    const auto reading = clock.now();
    EXPECT_LT(reading.now_ns, kCluster + 1'000'000'000);
    EXPECT_EQ(reading.disruption, before + 1);
    EXPECT_EQ(peek(BERKELEY_PAGE_SEQUENCE), 4U);
}

TEST_F(ClockPageRobustness, TakeoverSurvivesGarbageInEveryWord) {
    for (int word = BERKELEY_PAGE_SEQUENCE; word < BERKELEY_PAGE_WORDS; ++word) {
        for (const std::uint64_t garbage :
             {UINT64_MAX, std::uint64_t{1} << 63, UINT64_MAX >> 1, std::uint64_t{0x5555555555555555}}) {
            std::filesystem::remove(path_);
            { writer().publish(content()); }
            poke(static_cast<berkeley_page_word>(word), garbage);
            auto page = writer();
            page.publish(content());
            const auto reading = SharedClock(path_).now();
            EXPECT_GE(reading.now_ns, kCluster) << "word " << word;
            EXPECT_LT(reading.now_ns, kCluster + 1'000'000'000) << "word " << word;
        }
    }
}

TEST_F(ClockPageRobustness, GarbageInAnyWordNeverTurnsTheIntervalRound) {
    auto page = writer();
    for (int word = BERKELEY_PAGE_GENERATION; word < BERKELEY_PAGE_WORDS; ++word) {
        for (int other = BERKELEY_PAGE_GENERATION; other < BERKELEY_PAGE_WORDS; ++other) {
            for (const std::uint64_t garbage :
                 {UINT64_MAX, std::uint64_t{1} << 63, UINT64_MAX >> 1, std::uint64_t{0x5555555555555555}}) {
                page.publish(content());
                poke(static_cast<berkeley_page_word>(word), garbage);
                poke(static_cast<berkeley_page_word>(other), ~garbage);
                // An error, of another boot say, leaves an interval that says nothing.
                ClockInterval reading;
                static_cast<void>(SharedClock(path_).try_now(reading));
                EXPECT_LE(reading.earliest_ns, reading.now_ns) << "words " << word << ", " << other;
                EXPECT_GE(reading.latest_ns, reading.now_ns) << "words " << word << ", " << other;
            }
        }
    }
}

TEST_F(ClockPageRobustness, EmptyFileIsTakenOver) {
    write_file("");
    auto page = writer();
    page.publish(content());
    EXPECT_GE(SharedClock(path_).now().now_ns, kCluster);
}

TEST_F(ClockPageRobustness, LargeFileIsNotOverwritten) {
    write_file(std::string(5000, 'x'));
    EXPECT_NE(error_of_create().find("another kind of file"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(path_), 5000U);
}

TEST_F(ClockPageRobustness, SecondWriterIsRefused) {
    auto page = writer();
    EXPECT_NE(error_of_create().find("another process"), std::string::npos);
    auto moved = std::move(page);
    EXPECT_NE(error_of_create(), "");
    moved.publish(content());
    EXPECT_GE(SharedClock(path_).now().now_ns, kCluster);
}

TEST_F(ClockPageRobustness, PageIsRemovedAtTheEndOnlyOnRequest) {
    { auto page = writer(); }
    EXPECT_TRUE(std::filesystem::exists(path_));
    { auto page = ClockPageWriter::create(path_, {.remove_at_end = true}); }
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ClockPageRobustness, OpenSaysWhatIsWrong) {
    berkeley_clock* clock = nullptr;
    EXPECT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_ERR_NOT_FOUND);
    EXPECT_EQ(berkeley_clock_open(folder_.c_str(), &clock), BERKELEY_CLOCK_ERR_FORMAT);
    { auto page = writer(); }
    std::filesystem::resize_file(path_, BERKELEY_PAGE_BYTES - 1);
    EXPECT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_ERR_TRUNCATED);
    std::filesystem::resize_file(path_, 8);
    EXPECT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_ERR_TRUNCATED);
    std::filesystem::resize_file(path_, 7);
    EXPECT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_ERR_FORMAT);
    EXPECT_EQ(clock, nullptr);
}

TEST_F(ClockPageRobustness, CommitWaitReturnsOnlyWhenTheTimeHasCertainlyPassed) {
    auto page = writer();
    auto wide = content();
    wide.bound = milliseconds{3};
    page.publish(wide);
    const SharedClock clock(path_);
    const auto stamp = clock.now();
    clock.wait_until_past(stamp.latest());
    const auto later = clock.now();
    EXPECT_GT(later.earliest_ns, stamp.latest_ns);
    EXPECT_TRUE(stamp.before(later));
    EXPECT_TRUE(later.after(stamp));
    EXPECT_FALSE(stamp.after(later));
}

TEST_F(ClockPageRobustness, CommitWaitRefusesWithoutABound) {
    auto page = writer();
    auto lost = content();
    lost.status = ClockStatus::unsynchronized;
    page.publish(lost);
    berkeley_clock* clock = nullptr;
    ASSERT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_OK);
    EXPECT_EQ(berkeley_clock_wait_until_past(clock, 0), BERKELEY_CLOCK_ERR_UNSYNCHRONIZED);
    lost.status = ClockStatus::disrupted;
    page.publish(lost);
    EXPECT_EQ(berkeley_clock_wait_until_past(clock, 0), BERKELEY_CLOCK_ERR_DISRUPTED);
    berkeley_clock_close(clock);
}

TEST(ClockIntervals, OverlappingOnesAreNeitherBeforeNorAfter) {
    ClockInterval a{};
    ClockInterval b{};
    a.earliest_ns = 0, a.latest_ns = 10;
    b.earliest_ns = 10, b.latest_ns = 20;
    EXPECT_FALSE(a.before(b));
    EXPECT_FALSE(a.after(b));
    b.earliest_ns = 11;
    EXPECT_TRUE(a.before(b));
    EXPECT_TRUE(b.after(a));
}

}  // namespace
}  // namespace berkeley
