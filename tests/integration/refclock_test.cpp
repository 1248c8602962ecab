// Cluster time given to a real chronyd, which only watches here (-x): it selects the source, and finds the
// offset that the clock page has.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "berkeley/clock.h"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

using namespace std::chrono_literals;

bool exists_in_path(const std::string& program) {
    return run("/bin/sh", {"-c", "PATH=$PATH:/usr/sbin command -v " + program}).code == 0;
}

/// The page's time less CLOCK_REALTIME, in seconds; the reading with the narrowest bracket of many.
double page_offset(const std::string& path) {
    berkeley_clock* page = nullptr;
    if (berkeley_clock_open(path.c_str(), &page) != 0) return NAN;
    double best = NAN;
    std::int64_t narrowest = INT64_MAX;
    for (int i = 0; i < 200; ++i) {
        timespec before{};
        timespec after{};
        berkeley_clock_interval reading{};
        ::clock_gettime(CLOCK_REALTIME, &before);
        const int failed = berkeley_clock_now(page, &reading);
        ::clock_gettime(CLOCK_REALTIME, &after);
        const std::int64_t from = std::int64_t{before.tv_sec} * 1'000'000'000 + before.tv_nsec;
        const std::int64_t width = std::int64_t{after.tv_sec} * 1'000'000'000 + after.tv_nsec - from;
        if (failed != 0 || width >= narrowest) continue;
        narrowest = width;
        best = static_cast<double>(reading.now_ns - from - width / 2) * 1e-9;
    }
    berkeley_clock_close(page);
    return best;
}

class Refclock : public ::testing::TestWithParam<const char*> {};

TEST_P(Refclock, ChronydSelectsTheSourceAndFindsThePagesOffset) {
    if (::geteuid() != 0) GTEST_SKIP() << "chronyd starts as root only";
    if (!exists_in_path("chronyd")) GTEST_SKIP() << "no chronyd here";
    const std::string kind = GetParam();
    Cluster cluster;
    const std::string folder = cluster.folder().string();
    const std::string unit = std::to_string(100 + ::getpid() % 150);
    const bool shm = kind == "SHM";
    const std::string where = shm ? unit : folder + "/chrony.sock";
    // Another time than this machine's, so that the offset is not found by doing nothing.
    cluster.master("m1", {"--clock-offset", "50ms"});
    Process& s1 =
        cluster.slave("s1", {"--clock-offset", "50ms", shm ? "--refclock-shm" : "--refclock-sock", where});
    std::ofstream(folder + "/chrony.conf")
        << "refclock " << kind << " " << where << " poll 1 dpoll 0 filter 2 refid BKLY maxsamples 16\n"
        << "port 0\ncmdport 0\nuser root\npidfile " << folder << "/chronyd.pid\nbindcmdaddress " << folder
        << "/command.sock\ndriftfile " << folder << "/drift\n";
    Process chronyd("/bin/sh",
                    {"-c", "PATH=$PATH:/usr/sbin exec chronyd -x -d -f " + folder + "/chrony.conf"});
    ASSERT_TRUE(cluster.wait_for([&] { return find(s1, "correction") != nullptr; }));
    std::string report;
    double found = NAN;
    double expected = NAN;
    const bool selected = cluster.wait_for(
        [&] {
            chronyd.pump();
            const std::string ask = "chronyc -c -h " + folder + "/command.sock ";
            report = run("/bin/sh", {"-c", ask + "sources; " + ask + "tracking"}).out;
            const std::size_t tracking = report.rfind(",BKLY,");
            if (report.find("#,*,BKLY") == std::string::npos || tracking == std::string::npos) return false;
            // Id, name, stratum, time of the last update, and how far the system's clock is off.
            std::istringstream fields(report.substr(report.rfind('\n', tracking) + 1));
            std::string field;
            for (int i = 0; i < 5; ++i) std::getline(fields, field, ',');
            found = std::atof(field.c_str());
            expected = page_offset(cluster.page("s1"));
            return std::abs(std::abs(found) - std::abs(expected)) < 10e-6;
        },
        60s);
    EXPECT_TRUE(selected) << report << "\nchronyd finds " << found << " s, the page " << expected << " s\n"
                          << chronyd.log();
    EXPECT_NEAR(std::abs(expected), 0.05, 0.02) << "the premise";
}

INSTANTIATE_TEST_SUITE_P(Kinds, Refclock, ::testing::Values("SHM", "SOCK"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace berkeley::test
