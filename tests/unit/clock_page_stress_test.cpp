// One writer at full speed against several readers: time never runs backward for anybody, and no reading
// mixes two publications.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/prng.hpp"
#include "berkeley/clock.hpp"
#include "os/os_clock.hpp"
#include "page/clock_page.hpp"

namespace berkeley {
namespace {

constexpr int kReaders = 3;
/// The writer goes on until the readers have met it so often, however the machine schedules them...
constexpr std::uint64_t kPublicationsMin = 100'000;
constexpr std::uint64_t kMeetingsMin = 1'000;
/// ...and gives up here.
constexpr std::uint64_t kPublicationsMax = 20'000'000;
constexpr std::int64_t kCluster = 1'700'000'000'000'000'000;
/// Ties words of one publication together.
constexpr std::uint64_t kScramble = 0x9e3779b97f4a7c15;

class ClockPageStress : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-stress-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = (folder_ / "page").string();
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
    std::string path_;
};

/// The map of the nth publication: corrections in both directions, anchored a little in the past, as after a
/// preemption.
PageContent nth(std::uint64_t n, Prng& prng) {
    PageContent content;
    const TrueTime now = true_now();
    static const TrueTime start = now;
    content.map.anchor_true = now - Duration{static_cast<std::int64_t>(prng.below(20'000))};
    const Duration error{static_cast<std::int64_t>(prng.below(4'000)) - 2'000};
    content.map.anchor_cluster = from_ns<ClusterTime>(kCluster) + (content.map.anchor_true - start) + error;
    content.map.rate = FineRate::from_ppb(static_cast<std::int64_t>(prng.below(200'000)) - 100'000);
    content.map.slew = Duration{static_cast<std::int64_t>(prng.below(2'000)) - 1'000};
    content.map.slew_rate = FineRate::from_ppb(500'000);
    content.bound = std::chrono::microseconds{1};
    content.bound_at = now;
    content.valid_for = std::chrono::hours{1};
    content.status = ClockStatus::synchronized;
    content.term = n;
    content.round = n & 0xffffffff;
    content.generation = n * kScramble;
    return content;
}

struct Shared {
    std::atomic<bool> done{false};
    std::atomic<std::int64_t> newest{0};     ///< the latest time that anybody has read
    std::atomic<std::uint64_t> meetings{0};  ///< readings of a publication that the reader had not seen yet
    std::atomic<std::uint64_t> backward{0};
    std::atomic<std::uint64_t> torn{0};
};

void publish_on(ClockPageWriter& writer, Prng& prng, Shared& shared) {
    for (std::uint64_t n = 2; n <= kPublicationsMax; ++n) {
        if (n > kPublicationsMin && shared.meetings >= kMeetingsMin) break;
        writer.publish(nth(n, prng));
    }
    shared.done = true;
}

/// Compares with what *any* reader has read before. BUSY is no error here: the writer may be preempted in its
/// odd section.
void read_on(const SharedClock& clock, Shared& shared) {
    std::uint64_t last_term = 0;
    while (!shared.done) {
        const std::int64_t seen_before = shared.newest;
        ClockInterval reading;
        if (clock.try_now(reading) != BERKELEY_CLOCK_OK) continue;
        if (reading.now_ns < seen_before || reading.term < last_term) ++shared.backward;
        if (reading.term != last_term) ++shared.meetings;
        last_term = reading.term;
        std::int64_t expected = seen_before;
        while (expected < reading.now_ns && !shared.newest.compare_exchange_weak(expected, reading.now_ns)) {
        }
    }
}

/// The sequence starts at random, and rises by 2 with each publication.
bool is_torn(const berkeley_page& copy, std::uint64_t first_sequence) {
    const std::uint64_t term = copy.word[BERKELEY_PAGE_TERM];
    return copy.word[BERKELEY_PAGE_GENERATION] != term * kScramble ||
           copy.word[BERKELEY_PAGE_ROUND_STATUS] >> 8 != (term & 0xffffffff) ||
           copy.word[BERKELEY_PAGE_SEQUENCE] != first_sequence + 2 * term;
}

void copy_on(const berkeley_page& page, std::uint64_t first_sequence, Shared& shared) {
    std::uint64_t last_sequence = 0;
    while (!shared.done) {
        berkeley_page copy{};
        std::int64_t now = 0;
        if (berkeley_page_try_snapshot(&page, &copy, &now) == 0) continue;
        if (is_torn(copy, first_sequence)) ++shared.torn;
        if (copy.word[BERKELEY_PAGE_SEQUENCE] != last_sequence) ++shared.meetings;
        last_sequence = copy.word[BERKELEY_PAGE_SEQUENCE];
    }
}

TEST_F(ClockPageStress, TimeNeverRunsBackwardForAnyReader) {
    auto writer = ClockPageWriter::create(path_);
    ASSERT_TRUE(writer) << writer.error();
    Prng prng{42};
    writer->publish(nth(1, prng));
    const SharedClock clock(path_);
    Shared shared;
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) readers.emplace_back([&] { read_on(clock, shared); });
    publish_on(*writer, prng, shared);
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(shared.backward, 0U);
    EXPECT_GE(shared.meetings, kMeetingsMin);
}

TEST_F(ClockPageStress, CopiesAreNeverTorn) {
    auto writer = ClockPageWriter::create(path_);
    ASSERT_TRUE(writer) << writer.error();
    // Mapped as the library maps it, but with all words to look at.
    const int fd = ::open(path_.c_str(), O_RDONLY);
    void* memory = ::mmap(nullptr, BERKELEY_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    ASSERT_NE(memory, MAP_FAILED);
    const auto& page = *static_cast<const berkeley_page*>(memory);
    Prng prng{43};
    writer->publish(nth(1, prng));
    const std::uint64_t first_sequence = page.word[BERKELEY_PAGE_SEQUENCE] - 2;
    Shared shared;
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) readers.emplace_back([&] { copy_on(page, first_sequence, shared); });
    publish_on(*writer, prng, shared);
    for (auto& reader : readers) reader.join();
    ::munmap(memory, BERKELEY_PAGE_BYTES);
    EXPECT_EQ(shared.torn, 0U);
    EXPECT_GE(shared.meetings, kMeetingsMin);
}

}  // namespace
}  // namespace berkeley
