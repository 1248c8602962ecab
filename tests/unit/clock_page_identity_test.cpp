// Whether a clock page may be evaluated here: versions, boot, time namespace, cluster, sleeps of the machine;
// what a restarted node goes on from; and pages that are removed under a running node.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "base/prng.hpp"
#include "berkeley/clock.hpp"
#include "os/os_clock.hpp"
#include "page/clock_page.hpp"
#include "page/machine_identity.h"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kCluster = 1'700'000'000'000'000'000;
constexpr std::int64_t kHourNs = 3'600'000'000'000;

class ClockPageIdentity : public ::testing::Test {
protected:
    static PageContent content(std::int64_t cluster_ns = kCluster) {
        PageContent content;
        content.generation = 7;
        content.map.anchor_true = true_now();
        content.map.anchor_cluster = from_ns<ClusterTime>(cluster_ns);
        content.bound = microseconds{10};
        content.bound_at = content.map.anchor_true;
        content.rho_ppb = 50'000;
        content.valid_for = seconds{10};
        content.holdover_for = seconds{60};
        content.status = ClockStatus::synchronized;
        content.term = 3;
        content.round = 17;
        return content;
    }

    ClockPageWriter writer(const std::string& cluster = "default") const {
        auto created = ClockPageWriter::create(path_, {.cluster = cluster});
        EXPECT_TRUE(created) << (created ? "" : created.error());
        return std::move(*created);
    }

    /// Overwrites one word of the page behind everybody's back.
    void poke(int index, std::uint64_t value) const {
        const int fd = ::open(path_.c_str(), O_RDWR);
        ASSERT_EQ(::pwrite(fd, &value, sizeof value, 8 * static_cast<off_t>(index)), 8);
        ::close(fd);
    }

    std::uint64_t peek(int index) const {
        std::uint64_t value = 0;
        const int fd = ::open(path_.c_str(), O_RDONLY);
        EXPECT_EQ(::pread(fd, &value, sizeof value, 8 * static_cast<off_t>(index)), 8);
        ::close(fd);
        return value;
    }

    int open_error() const {
        berkeley_clock* clock = nullptr;
        const int error = berkeley_clock_open(path_.c_str(), &clock);
        berkeley_clock_close(clock);
        return error;
    }

    /// The page is old enough for a reader to look closer.
    void let_it_become_stale() const {
        poke(BERKELEY_PAGE_PUBLISHED_AT,
             static_cast<std::uint64_t>(to_ns(true_now()) - BERKELEY_PAGE_STALE_NS - 1));
    }

    TemporaryDirectory directory_;
    std::string path_ = (directory_.path() / "page").string();
};

TEST_F(ClockPageIdentity, VersionIsLookedAtWhenOpeningAndAtEverySnapshot) {
    auto page = writer();
    page.publish(content());
    const SharedClock clock(path_);
    ClockInterval reading;
    const auto with = [&](std::uint64_t header, std::uint64_t least_reader) {
        poke(BERKELEY_PAGE_HEADER, header);
        poke(BERKELEY_PAGE_READER_STATUS, least_reader | (1U << 16));
        const int error = clock.try_now(reading);
        EXPECT_EQ(open_error(), error) << header;
        return error;
    };
    EXPECT_EQ(with(BERKELEY_PAGE_HEADER_VALUE, 2), BERKELEY_CLOCK_OK);
    EXPECT_EQ(with(BERKELEY_PAGE_HEADER_OF(3, 512), 2), BERKELEY_CLOCK_OK) << "a newer one that we may read";
    EXPECT_EQ(with(BERKELEY_PAGE_HEADER_OF(3, 512), 3), BERKELEY_CLOCK_ERR_VERSION);
    EXPECT_EQ(with(BERKELEY_PAGE_HEADER_V1, 2), BERKELEY_CLOCK_ERR_VERSION);
    EXPECT_EQ(with(~std::uint64_t{0}, 2), BERKELEY_CLOCK_ERR_FORMAT);
}

TEST_F(ClockPageIdentity, PageOfVersion1IsTakenOverAndItsTimeGoesOn) {
    { writer().publish(content(kCluster + kHourNs)); }
    const std::uint64_t disruptions = peek(BERKELEY_PAGE_RHO_DISRUPTION) >> 32;
    poke(BERKELEY_PAGE_HEADER, BERKELEY_PAGE_HEADER_V1);
    std::filesystem::resize_file(path_, BERKELEY_PAGE_BYTES_V1);
    auto page = writer();
    EXPECT_FALSE(page.memory()) << "it does not say of which boot it is";
    page.publish(content(kCluster + kHourNs - 20'000'000));
    const auto reading = SharedClock(path_).now();
    EXPECT_GE(reading.now_ns, kCluster + kHourNs);
    EXPECT_EQ(reading.disruption, disruptions);
}

TEST_F(ClockPageIdentity, AReaderOfVersion1ThatHasThePageOpenIsToldNoHoldover) {
    auto page = writer();
    const auto status = [&] { return peek(BERKELEY_PAGE_ROUND_STATUS) & 0xff; };
    page.publish(content());
    EXPECT_EQ(status(), 1U);
    // Both of its deadlines are the same: from SYNCHRONIZED it falls to UNSYNCHRONIZED.
    EXPECT_EQ(peek(BERKELEY_PAGE_DEADLINES_V1), 10'000U | (std::uint64_t{10'000} << 32));
    auto holdover = content();
    holdover.status = ClockStatus::holdover;
    page.publish(holdover);
    EXPECT_EQ(status(), 0U);
    EXPECT_EQ(SharedClock(path_).now().status, BERKELEY_CLOCK_HOLDOVER);
}

TEST_F(ClockPageIdentity, AnotherBootAndAnotherTimeNamespaceAreErrorsOfTheirOwn) {
    auto page = writer();
    page.publish(content());
    const SharedClock clock(path_);
    ClockInterval reading;
    poke(BERKELEY_PAGE_BOOT, 0xdead);
    EXPECT_EQ(clock.try_now(reading), BERKELEY_CLOCK_ERR_BOOT);
    EXPECT_EQ(reading.earliest_ns, INT64_MIN);
    page.publish(content());
    poke(BERKELEY_PAGE_TIME_NAMESPACE, 0xdead);
    EXPECT_EQ(clock.try_now(reading), BERKELEY_CLOCK_ERR_TIME_NAMESPACE);
    EXPECT_EQ(berkeley_clock_wait_synchronized(nullptr, 0, 0), BERKELEY_CLOCK_ERR_ARGUMENT);
    try {
        clock.wait_synchronized(Duration{0}, seconds{-1});
        FAIL() << "no node can mend this";
    } catch (const ClockError& error) {
        EXPECT_EQ(error.code(), BERKELEY_CLOCK_ERR_TIME_NAMESPACE);
    }
    page.publish(content());
    EXPECT_EQ(clock.try_now(reading), BERKELEY_CLOCK_OK);
}

TEST_F(ClockPageIdentity, BootIdsAreReadWithAndWithoutHyphens) {
    const std::string with = "3c6a1f6e-52b8-4d0e-9a3f-0123456789ab";
    const std::string without = "3c6a1f6e52b84d0e9a3f0123456789ab";
    const auto fold = [](const std::string& text) {
        return berkeley_fold_boot_id(text.c_str(), static_cast<long>(text.size()));
    };
    EXPECT_EQ(fold(with), std::uint64_t{0x3c6a1f6e52b84d0e} ^ std::uint64_t{0x9a3f0123456789ab});
    EXPECT_EQ(fold(with), fold(without));
    EXPECT_EQ(fold(without + "\n"), fold(without));
    EXPECT_EQ(fold(without.substr(1)), 0U);
    EXPECT_EQ(fold("not a boot id"), 0U);
    EXPECT_NE(berkeley_boot_id(), 0U);
    EXPECT_NE(berkeley_time_namespace(), 0U);
}

TEST_F(ClockPageIdentity, ASleepThatTheDeadNodeDidNotSeeIsADisruption) {
    { writer().publish(content()); }
    const SharedClock clock(path_);
    EXPECT_EQ(clock.now().status, BERKELEY_CLOCK_SYNCHRONIZED);
    // Since then the machine has slept for an hour.
    poke(BERKELEY_PAGE_ASLEEP, peek(BERKELEY_PAGE_ASLEEP) - static_cast<std::uint64_t>(kHourNs));
    let_it_become_stale();
    EXPECT_EQ(clock.now().status, BERKELEY_CLOCK_DISRUPTED);
    auto page = writer();
    EXPECT_FALSE(page.memory());
    const std::uint32_t before = clock.now().disruption;
    page.publish(content());
    EXPECT_EQ(clock.now().disruption, before + 1);
}

TEST_F(ClockPageIdentity, ARestartedNodeGoesOnFromItsPage) {
    auto old = content(kCluster + kHourNs);
    old.map.rate = FineRate::from_ppb(20'000);
    old.map.slew = milliseconds{2};
    old.map.slew_rate = FineRate::from_ppb(500'000);
    old.bound = microseconds{80};
    { writer().publish(old); }
    const auto page = writer();
    const auto memory = page.memory();
    ASSERT_TRUE(memory);
    const TrueTime now = memory->map.anchor_true;
    EXPECT_EQ(to_ns(memory->map.anchor_cluster), to_ns(old.map.cluster(now)));
    EXPECT_EQ(memory->map.rate, old.map.rate);
    EXPECT_LE(memory->map.slew, milliseconds{2});
    EXPECT_GE(memory->map.slew, milliseconds{1});
    EXPECT_EQ(memory->bound, microseconds{80});
    EXPECT_EQ(memory->bound_at, old.bound_at);
    EXPECT_GE(memory->rho_ppb, 50'000);
    EXPECT_LE(memory->rho_ppb, 50'001);
    EXPECT_EQ(memory->term, 3U);
}

TEST_F(ClockPageIdentity, WhatCannotBeTrustedIsNotGoneOnFrom) {
    const auto left = [&](const PageContent& content, const std::string& cluster = "default") {
        std::filesystem::remove(path_);
        { writer().publish(content); }
        return writer(cluster).memory().has_value();
    };
    EXPECT_TRUE(left(content()));
    EXPECT_FALSE(left(content(), "another"));
    auto lost = content();
    lost.status = ClockStatus::unsynchronized;
    EXPECT_FALSE(left(lost));
    lost.status = ClockStatus::disrupted;
    EXPECT_FALSE(left(lost));
    auto expired = content();
    expired.bound_at -= seconds{71};
    EXPECT_FALSE(left(expired));
    std::filesystem::remove(path_);
    EXPECT_FALSE(writer().memory()) << "nothing was published";
    for (const int word : {BERKELEY_PAGE_BOOT, BERKELEY_PAGE_TIME_NAMESPACE}) {
        { writer().publish(content()); }
        poke(word, 0xdead);
        EXPECT_FALSE(writer().memory()) << word;
    }
    { writer().publish(content()); }
    poke(BERKELEY_PAGE_BOOT, 0);
    EXPECT_FALSE(writer().memory()) << "of which boot is not known";
}

TEST_F(ClockPageIdentity, APageOfAnotherClusterIsAStep) {
    { writer().publish(content()); }
    const SharedClock clock(path_);
    const std::uint32_t before = clock.now().disruption;
    auto page = writer("another");
    page.publish(content());
    EXPECT_EQ(clock.now().disruption, before + 1);
}

TEST_F(ClockPageIdentity, DisruptionCountsOfTwoFilesDiffer) {
    { writer().publish(content()); }
    const auto first = SharedClock(path_).now().disruption;
    std::filesystem::remove(path_);
    { writer().publish(content()); }
    EXPECT_NE(SharedClock(path_).now().disruption, first);
}

TEST_F(ClockPageIdentity, ARemovedPageIsMadeAnewAndItsReadersGoOverAtOnce) {
    auto page = writer();
    page.publish(content());
    EXPECT_FALSE(page.tend().value());
    const SharedClock clock(path_);
    const auto before = clock.now();
    std::filesystem::remove(path_);
    EXPECT_EQ(clock.now().status, BERKELEY_CLOCK_SYNCHRONIZED) << "the node still writes there";
    EXPECT_TRUE(page.tend().value());
    EXPECT_FALSE(page.tend().value());
    auto next = content();
    next.map = {};
    next.map.anchor_true = true_now();
    next.map.anchor_cluster = from_ns<ClusterTime>(before.now_ns + 100'000'000'000);
    next.term = 4;
    page.publish(next);
    const auto after = clock.now();
    EXPECT_EQ(after.term, 4U) << "the open reader sees what the new file says";
    EXPECT_EQ(after.disruption, before.disruption);
    EXPECT_GE(after.now_ns, before.now_ns);
    EXPECT_EQ(SharedClock(path_).now().term, 4U);
}

TEST_F(ClockPageIdentity, AReaderOfADeadNodesRemovedPageGoesOverToTheNewOne) {
    { writer().publish(content()); }
    const SharedClock clock(path_);
    EXPECT_EQ(clock.now().term, 3U);
    let_it_become_stale();
    std::filesystem::remove(path_);
    EXPECT_EQ(clock.now().term, 3U) << "there is no other yet";
    auto page = writer();
    auto next = content();
    next.term = 9;
    page.publish(next);
    const TrueTime limit = true_now() + seconds{5};
    while (clock.now().term != 9 && true_now() < limit) ::usleep(1000);
    EXPECT_EQ(clock.now().term, 9U);
    EXPECT_EQ(clock.now().status, BERKELEY_CLOCK_SYNCHRONIZED);
}

TEST_F(ClockPageIdentity, AnotherNodesPageInThePlaceOfOursIsLeftAlone) {
    auto page = writer();
    page.publish(content());
    std::filesystem::remove(path_);
    auto other = writer();
    other.publish(content());
    const auto tended = page.tend();
    ASSERT_FALSE(tended);
    EXPECT_NE(tended.error().find("another process"), std::string::npos) << tended.error();
    page.publish(content());
}

TEST_F(ClockPageIdentity, ReadTellsWhatTheReaderOfAnIntervalDoesNotSee) {
    auto page = writer();
    auto c = content();
    c.map.rate = FineRate::from_ppb(-3'000);
    c.suspect_since = true_now() - seconds{5};
    page.publish(c);
    const SharedClock clock(path_);
    const auto reading = clock.read();
    EXPECT_EQ(reading.running, 1);
    EXPECT_EQ(reading.generation, 7U);
    EXPECT_EQ(reading.round, 17U);
    EXPECT_EQ(reading.rate_ppb, -3'000);
    EXPECT_NEAR(static_cast<double>(reading.suspect_for_ns), 5e9, 1e9);
    EXPECT_GE(reading.age_ns, reading.published_ago_ns);
    c.suspect_since = {};
    page.publish(c);
    poke(BERKELEY_PAGE_PUBLISHED_AT, static_cast<std::uint64_t>(to_ns(true_now()) - 3'100'000'000));
    EXPECT_EQ(clock.read().suspect_for_ns, -1);
    EXPECT_EQ(clock.read().running, 0);
}

TEST_F(ClockPageIdentity, CallersWithAnOlderAndANewerReadingGetWhatTheyKnow) {
    auto page = writer();
    page.publish(content());
    berkeley_clock* clock = nullptr;
    ASSERT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_OK);
    struct {
        berkeley_clock_reading reading;
        std::int64_t later;
    } both{};
    both.reading.raw_ns = both.later = -1;
    EXPECT_EQ(berkeley_clock_read(clock, &both.reading, sizeof both.reading.interval), BERKELEY_CLOCK_OK);
    EXPECT_EQ(both.reading.raw_ns, -1);
    EXPECT_EQ(berkeley_clock_read(clock, &both.reading, sizeof both), BERKELEY_CLOCK_OK);
    EXPECT_EQ(both.later, 0);
    EXPECT_GT(both.reading.raw_ns, 0);
    EXPECT_EQ(berkeley_clock_read(clock, &both.reading, 8), BERKELEY_CLOCK_ERR_ARGUMENT);
    berkeley_clock_close(clock);
}

TEST(ClockPageArithmetic, HalvesGiveWhat128BitsGive) {
    Prng prng(5);
    for (int i = 0; i < 100'000; ++i) {
        const auto any = [&] {
            const auto value = static_cast<std::int64_t>(prng.next());
            return value >> prng.below(64);
        };
        const std::int64_t a = any();
        const std::int64_t b = any();
        for (const unsigned bits : {32U, 62U}) {
            ASSERT_EQ(berkeley_page_scale_in_halves(a, b, bits), berkeley_page_scale(a, b, bits))
                << a << ' ' << b << ' ' << bits;
        }
    }
}

}  // namespace
}  // namespace berkeley
