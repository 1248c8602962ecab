// Past stamps, order of readings across terms, and waiting by the clock.

#include <gtest/gtest.h>
#include <time.h>

#include <thread>
#include <utility>

#include "berkeley/clock.hpp"
#include "os/os_clock.hpp"
#include "page/clock_page.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::int64_t kCluster = 1'700'000'000'000'000'000;

class ClockWaiting : public ::testing::Test {
protected:
    ClockWaiting() {
        content_.map.anchor_true = true_now();
        content_.map.anchor_cluster = from_ns<ClusterTime>(kCluster);
        content_.bound = microseconds{10};
        content_.bound_at = content_.map.anchor_true;
        content_.rho_ppb = 50'000;
        content_.valid_for = seconds{60};
        content_.holdover_for = seconds{60};
        content_.status = ClockStatus::synchronized;
        content_.term = 3;
        page_.publish(content_);
    }

    void publish(ClockStatus status) {
        content_.status = status;
        page_.publish(content_);
    }

    template <class Do>
    static int error_of(Do&& what) {
        try {
            what();
        } catch (const ClockError& error) {
            return error.code();
        }
        return BERKELEY_CLOCK_OK;
    }

    static std::int64_t width(const ClockInterval& interval) {
        return interval.latest_ns - interval.earliest_ns;
    }

    TemporaryDirectory directory_;
    std::string path_ = (directory_.path() / "page").string();
    ClockPageWriter page_ = std::move(*ClockPageWriter::create(path_, {.cluster = "default"}));
    PageContent content_;
    SharedClock clock_{(page_.publish(content_), path_)};
};

TEST_F(ClockWaiting, AStampOfTheRawClockIsGivenItsClusterTime) {
    const TrueTime stamp = true_now();
    const auto at = clock_.at(CLOCK_MONOTONIC_RAW, nanoseconds{to_ns(stamp)});
    EXPECT_EQ(at.now_ns, to_ns(content_.map.cluster(stamp)));
    EXPECT_EQ(at.status, BERKELEY_CLOCK_SYNCHRONIZED);
    EXPECT_LE(width(at), 2 * 10'000 + 1'000'000) << "the test takes less than ten seconds";
}

TEST_F(ClockWaiting, AStampFromBeforeTheLastCorrectionAllowsForWhatWasSlewed) {
    // The clock was 2 ms behind, and has just been told so: all but a little is still to be slewed.
    const TrueTime stamp = true_now();
    content_.map.anchor_true = stamp + milliseconds{10};
    content_.map.anchor_cluster = from_ns<ClusterTime>(kCluster) + milliseconds{50};
    content_.map.slew = milliseconds{2};
    content_.map.slew_rate = FineRate::from_ppb(500'000);
    content_.bound_at = content_.map.anchor_true;
    while (true_now() < content_.map.anchor_true) std::this_thread::yield();
    page_.publish(content_);
    const auto at = clock_.at(CLOCK_MONOTONIC_RAW, nanoseconds{to_ns(stamp)});
    EXPECT_EQ(at.now_ns, kCluster + 50'000'000 + 2'000'000 - 10'000'000);
    EXPECT_GE(width(at), 2 * (10'000 + 10'000)) << "1000 ppm of 10 ms, and the bound";
    EXPECT_LE(width(at), 2 * (10'000 + 12'000));
}

TEST_F(ClockWaiting, AStampOfTheMachinesTimeIsGivenItsClusterTime) {
    timespec real{};
    const auto before = clock_.now();
    ::clock_gettime(CLOCK_REALTIME, &real);
    const auto after = clock_.now();
    const auto at = clock_.at(CLOCK_REALTIME, seconds{real.tv_sec} + nanoseconds{real.tv_nsec});
    EXPECT_GE(at.latest_ns, before.earliest_ns);
    EXPECT_LE(at.earliest_ns, after.latest_ns);
    EXPECT_GE(at.now_ns, before.now_ns - 1'000'000);
    EXPECT_LE(at.now_ns, after.now_ns + 1'000'000);
}

TEST_F(ClockWaiting, StampsOfTheFutureAndFromBeforeAStepAreRefused) {
    const auto error = [&](int id, TrueTime stamp) {
        return error_of([&] { static_cast<void>(clock_.at(id, nanoseconds{to_ns(stamp)})); });
    };
    const TrueTime early = true_now();
    EXPECT_EQ(error(CLOCK_MONOTONIC_RAW, early), BERKELEY_CLOCK_OK);
    EXPECT_EQ(error(CLOCK_MONOTONIC_RAW, early + seconds{100}), BERKELEY_CLOCK_ERR_STAMP);
    EXPECT_EQ(error(CLOCK_MONOTONIC, early), BERKELEY_CLOCK_ERR_ARGUMENT);
    content_.step = true;
    page_.publish(content_);
    EXPECT_EQ(error(CLOCK_MONOTONIC_RAW, early), BERKELEY_CLOCK_ERR_STAMP);
    EXPECT_EQ(error(CLOCK_MONOTONIC_RAW, true_now()), BERKELEY_CLOCK_OK);
}

TEST(ClockOrder, ReadingsOfTwoTermsAreNotOrderedWhereOneIsInHoldover) {
    ClockInterval a{};
    ClockInterval b{};
    a.earliest_ns = 0, a.latest_ns = 10, a.term = 1, a.status = BERKELEY_CLOCK_SYNCHRONIZED;
    b.earliest_ns = 20, b.latest_ns = 30, b.term = 2, b.status = BERKELEY_CLOCK_SYNCHRONIZED;
    EXPECT_TRUE(a.before(b));
    EXPECT_TRUE(b.after(a));
    a.status = BERKELEY_CLOCK_HOLDOVER;
    EXPECT_FALSE(a.before(b));
    EXPECT_FALSE(b.after(a));
    std::swap(a.status, b.status);
    EXPECT_FALSE(a.before(b));
    b.term = 1;
    EXPECT_TRUE(a.before(b));
    EXPECT_FALSE(a.after(b));
}

TEST_F(ClockWaiting, CommitWaitFailsInHoldoverUnlessThatIsAllowed) {
    publish(ClockStatus::holdover);
    const auto stamp = clock_.now();
    EXPECT_EQ(error_of([&] { clock_.wait_until_past(stamp.latest()); }), BERKELEY_CLOCK_ERR_HOLDOVER);
    EXPECT_EQ(error_of([&] { clock_.sleep_until(stamp.now()); }), BERKELEY_CLOCK_ERR_HOLDOVER);
    clock_.wait_until_past(stamp.latest(), Holdover::allowed);
    EXPECT_GT(clock_.now().earliest_ns, stamp.latest_ns);
    clock_.sleep_until(stamp.now(), Holdover::allowed);
}

TEST_F(ClockWaiting, UnknownFlagsAndTheEndOfTimeAreRefused) {
    berkeley_clock* clock = nullptr;
    ASSERT_EQ(berkeley_clock_open(path_.c_str(), &clock), BERKELEY_CLOCK_OK);
    EXPECT_EQ(berkeley_clock_commit_wait(clock, 0, 2), BERKELEY_CLOCK_ERR_ARGUMENT);
    EXPECT_EQ(berkeley_clock_sleep_until(clock, 0, ~0U), BERKELEY_CLOCK_ERR_ARGUMENT);
    EXPECT_EQ(berkeley_clock_commit_wait(clock, INT64_MAX, 0), BERKELEY_CLOCK_ERR_ARGUMENT);
    berkeley_clock_close(clock);
}

TEST_F(ClockWaiting, SleepUntilNeverWakesEarlyAndEndsWithAStep) {
    const auto start = clock_.now();
    clock_.sleep_until(start.now() + milliseconds{30});
    EXPECT_GE(clock_.now().now_ns, start.now_ns + 30'000'000);
    std::thread stepper([&] {
        content_.step = true;
        page_.publish(content_);
    });
    // Either the step comes while it sleeps, or before, and then it is no step for it: both end.
    const int error = error_of([&] { clock_.sleep_until(start.now() + milliseconds{300}); });
    stepper.join();
    EXPECT_TRUE(error == BERKELEY_CLOCK_ERR_DISRUPTED || error == BERKELEY_CLOCK_OK) << error;
}

TEST_F(ClockWaiting, WaitSynchronizedWaitsForTheStatusAndForTheBound) {
    EXPECT_TRUE(clock_.wait_synchronized(milliseconds{1}, Duration{0}));
    EXPECT_TRUE(clock_.wait_synchronized(Duration{0}, Duration{0}));
    EXPECT_FALSE(clock_.wait_synchronized(microseconds{10}, milliseconds{20})) << "its bound is above 10 us";
    publish(ClockStatus::holdover);
    EXPECT_FALSE(clock_.wait_synchronized(Duration{0}, milliseconds{20}));
    std::thread node([&] {
        std::this_thread::sleep_for(milliseconds{20});
        publish(ClockStatus::synchronized);
    });
    EXPECT_TRUE(clock_.wait_synchronized(Duration{0}, seconds{-1}));
    node.join();
}

}  // namespace
}  // namespace berkeley
