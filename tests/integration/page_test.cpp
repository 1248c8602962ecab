// What applications read in the clock pages of real processes, also of those that have stopped or died.

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <filesystem>

#include "berkeley/clock.h"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

class Page {
public:
    explicit Page(const std::string& path) {
        EXPECT_EQ(berkeley_clock_open(path.c_str(), &clock_), BERKELEY_CLOCK_OK);
    }
    ~Page() { berkeley_clock_close(clock_); }
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    berkeley_clock_interval now() const {
        berkeley_clock_interval interval{};
        EXPECT_EQ(berkeley_clock_now(clock_, &interval), BERKELEY_CLOCK_OK);
        return interval;
    }

private:
    berkeley_clock* clock_ = nullptr;
};

std::int64_t raw_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

struct Reading {
    std::int64_t raw_ns = 0;
    std::int64_t ahead_ns = 0;  ///< the page's clock less the machine's true raw clock, then
};

/// Of several readings the one that was disturbed least.
Reading read_ahead(const Page& page) {
    std::int64_t narrowest = INT64_MAX;
    Reading best;
    for (int i = 0; i < 50; ++i) {
        const std::int64_t before = raw_ns();
        const std::int64_t now = page.now().now_ns;
        const std::int64_t after = raw_ns();
        if (after - before < narrowest) {
            narrowest = after - before;
            best.raw_ns = before + narrowest / 2;
            best.ahead_ns = now - best.raw_ns;
        }
    }
    return best;
}

/// How fast the page's clock runs against it.
double rate_ppm(Cluster& cluster, const std::string& id) {
    const Page page(cluster.page(id));
    // A node that takes over the page of an earlier one stands still where that one had come to, until it is
    // there too.
    EXPECT_TRUE(cluster.wait_for([&] { return page.now().now_ns != page.now().now_ns; }));
    const Reading before = read_ahead(page);
    EXPECT_TRUE(cluster.wait_for([&] { return raw_ns() - before.raw_ns > 500'000'000; }));
    const Reading after = read_ahead(page);
    return static_cast<double>(after.ahead_ns - before.ahead_ns) /
           static_cast<double>(after.raw_ns - before.raw_ns) * 1e6;
}

TEST(Pages, OfStoppedAndOfKilledNodesGrowTheirBoundsAndFallToHoldoverAndThenToUnsynchronized) {
    Cluster cluster;
    cluster.master("m1");
    // A bound that grows by half a millisecond a second reaches 3 ms soon after HOLDOVER begins.
    const std::vector<std::string> options{"--max-drift", "500", "--max-bound", "3ms"};
    Process& s1 = cluster.slave("s1", options);
    Process& s2 = cluster.slave("s2", options);
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
    s1.signal(SIGSTOP);
    s2.signal(SIGKILL);
    const Page master(cluster.page("m1"));
    for (const std::string id : {"s1", "s2"}) {
        const Page page(cluster.page(id));
        std::int64_t width = 0;
        std::vector<int> seen;
        ASSERT_TRUE(cluster.wait_for([&] {
            const auto before = master.now();
            const auto interval = page.now();
            const auto after = master.now();
            if (seen.empty() || seen.back() != interval.status) seen.push_back(interval.status);
            if (interval.status == BERKELEY_CLOCK_UNSYNCHRONIZED) return true;
            EXPECT_GE(interval.latest_ns - interval.earliest_ns, width) << id;
            width = interval.latest_ns - interval.earliest_ns;
            EXPECT_LE(interval.earliest_ns, after.now_ns) << id;
            EXPECT_GE(interval.latest_ns, before.now_ns) << id;
            return false;
        }));
        if (seen.front() == BERKELEY_CLOCK_SYNCHRONIZED) seen.erase(seen.begin());
        if (id == "s1") {
            EXPECT_EQ(seen, (std::vector<int>{BERKELEY_CLOCK_HOLDOVER, BERKELEY_CLOCK_UNSYNCHRONIZED}));
        }
        EXPECT_EQ(seen.back(), BERKELEY_CLOCK_UNSYNCHRONIZED) << id;
    }
    s1.signal(SIGCONT);
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1"})) << "it goes on where it was";
}

TEST(Pages, AFrequencyOnceLearntIsThereAgainAfterARestartWithoutAMaster) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process* s1 = &cluster.slave("s1", {"--clock-drift", "40"});
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    ASSERT_TRUE(
        cluster.wait_for([&] { return std::abs(rate_ppm(cluster, "s1") - rate_ppm(cluster, "m1")) < 1; }));
    s1->signal(SIGTERM);
    EXPECT_EQ(s1->wait_exit(seconds{5}), 0);
    const double learnt =
        rate_ppm(cluster, "s1");  // the page outlives its writer, and its rate moves no more
    ASSERT_GT(std::abs(learnt - 40), 3) << "and so not its own oscillator's";
    m1.signal(SIGKILL);
    cluster.forget(*s1);
    s1 = &cluster.slave("s1", {"--clock-drift", "40"});
    ASSERT_TRUE(cluster.wait_for([&] { return find(*s1, "ready") != nullptr; }));
    EXPECT_NEAR(rate_ppm(cluster, "s1"), learnt, 1);
    Process& s2 = cluster.slave("s2", {"--clock-drift", "40"});
    ASSERT_TRUE(cluster.wait_for([&] { return find(s2, "ready") != nullptr; }));
    EXPECT_NEAR(rate_ppm(cluster, "s2"), 40, 2) << "one that has learnt nothing";
}

TEST(Pages, ARestartedNodeGoesOnInHoldoverWithoutAJumpForItsReaders) {
    Cluster cluster;
    // The machine's own clock is 20 minutes away from cluster time.
    cluster.master("m1", {"--clock-offset", "20m"});
    Process* s1 = &cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const Page page(cluster.page("s1"));
    const Page master(cluster.page("m1"));
    const auto before = page.now();
    for (const int signal : {SIGTERM, SIGKILL}) {
        s1->signal(signal);
        s1->wait_exit(seconds{5});
        cluster.forget(*s1);
        s1 = &cluster.slave("s1");
        std::int64_t furthest = 0;
        bool holdover = false;
        ASSERT_TRUE(cluster.wait_for([&] {
            const auto interval = page.now();
            furthest = std::max(furthest, std::abs(interval.now_ns - master.now().now_ns));
            EXPECT_NE(interval.status, BERKELEY_CLOCK_UNSYNCHRONIZED);
            EXPECT_NE(interval.status, BERKELEY_CLOCK_DISRUPTED);
            holdover = holdover || interval.status == BERKELEY_CLOCK_HOLDOVER;
            return holdover && interval.status == BERKELEY_CLOCK_SYNCHRONIZED;
        })) << "it says HOLDOVER at once, and then SYNCHRONIZED";
        EXPECT_LT(furthest, 50'000'000) << "signal " << signal;
    }
    EXPECT_EQ(page.now().disruption, before.disruption);
}

TEST(Pages, AllNodesRestartedGoOnWithTheClustersTime) {
    Cluster cluster;
    Process* m1 = &cluster.master("m1", {"--clock-offset", "20m"});
    Process* s1 = &cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const Page page(cluster.page("s1"));
    const Reading then = read_ahead(page);
    const auto before = page.now();
    for (Process* process : {m1, s1}) {
        process->signal(SIGKILL);
        process->wait_exit(seconds{5});
        cluster.forget(*process);
    }
    cluster.master("m1");  // and its injected offset is gone
    cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    EXPECT_LT(std::abs(read_ahead(page).ahead_ns - then.ahead_ns), 50'000'000);
    EXPECT_EQ(page.now().disruption, before.disruption);
}

TEST(Pages, APageThatWasRemovedIsMadeAnewAndOpenReadersFollowIt) {
    Cluster cluster;
    cluster.master("m1");
    Process* s1 = &cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const Page reader(cluster.page("s1"));
    const auto before = reader.now();
    std::filesystem::remove(cluster.page("s1"));
    ASSERT_TRUE(cluster.wait_for([&] { return std::filesystem::exists(cluster.page("s1")); }));
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    EXPECT_NE(s1->log().find("made anew"), std::string::npos);
    EXPECT_EQ(reader.now().disruption, before.disruption);
    EXPECT_EQ(reader.now().status, BERKELEY_CLOCK_SYNCHRONIZED);

    // The node ends, its page is removed, and it comes back: as systemd does with RuntimeDirectory.
    s1->signal(SIGTERM);
    EXPECT_EQ(s1->wait_exit(seconds{5}), 0);
    cluster.forget(*s1);
    std::filesystem::remove(cluster.page("s1"));
    cluster.slave("s1");
    EXPECT_TRUE(cluster.wait_for([&] {
        const auto interval = reader.now();
        return interval.disruption != before.disruption && interval.status == BERKELEY_CLOCK_SYNCHRONIZED;
    }));
}

}  // namespace
}  // namespace berkeley::test
