#include "tests/integration/process.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "berkeley/clock.h"
#include "tests/harness/clock_watch.hpp"

namespace berkeley::test {

namespace {

harness::TemporaryFolder make_folder(const std::filesystem::path& parent) {
    auto folder = harness::TemporaryFolder::create("berkeley-test", parent);
    if (!folder) throw std::runtime_error(folder.error());
    return std::move(*folder);
}

}  // namespace

Cluster::Cluster(const std::filesystem::path& parent)
    : harness::Cluster({BERKELEY_MASTER_PROGRAM, BERKELEY_SLAVE_PROGRAM}, make_folder(parent)) {}

Cluster::~Cluster() {
    if (!::testing::Test::HasFailure()) return;
    for (const Node& node : nodes()) {
        std::printf("--- log of %s\n%s\n", node.id.c_str(), node.process->log().c_str());
    }
}

Cluster::Reading Cluster::read(const std::string& id) const {
    Reading reading{.status = BERKELEY_CLOCK_UNSYNCHRONIZED};
    berkeley_clock* clock = nullptr;
    berkeley_clock_interval interval{};
    timespec before{};
    timespec after{};
    if (berkeley_clock_open(page(id).c_str(), &clock) != BERKELEY_CLOCK_OK) return reading;
    clock_gettime(CLOCK_MONOTONIC_RAW, &before);
    const bool read = berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK;
    clock_gettime(CLOCK_MONOTONIC_RAW, &after);
    berkeley_clock_close(clock);
    if (!read) return reading;
    const auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
    reading.status = interval.status;
    reading.ahead = interval.now_ns - ns(before);
    reading.bound = interval.latest_ns - interval.now_ns;
    reading.width = ns(after) - ns(before);
    return reading;
}

void Cluster::expect_bounded(const std::map<std::string, Reading>& readings) {
    for (const auto& [one, a] : readings) {
        EXPECT_NE(a.status, BERKELEY_CLOCK_UNSYNCHRONIZED) << one;
        for (const auto& [other, b] : readings) {
            EXPECT_LE(std::abs(a.ahead - b.ahead), a.bound + a.width + b.bound + b.width)
                << one << " and " << other;
        }
    }
}

void Cluster::expect_bounded(const std::vector<std::string>& ids) const {
    std::map<std::string, Reading> readings;
    for (const std::string& id : ids) readings[id] = read(id);
    expect_bounded(readings);
}

std::optional<std::int64_t> Cluster::spread_ns(const std::vector<std::string>& ids) const {
    std::vector<std::string> pages;
    for (const std::string& id : ids) pages.push_back(page(id));
    const auto watch = harness::ClockWatch::open(pages);
    if (!watch) return std::nullopt;
    const auto sweep = watch->sweep();
    if (!sweep || !sweep->synchronized()) return std::nullopt;
    return sweep->spread_ns();
}

bool Cluster::wait_agreement(const std::vector<std::string>& ids, std::int64_t limit_ns) {
    return wait_for([&] {
        const auto spread = spread_ns(ids);
        return spread && *spread < limit_ns;
    });
}

}  // namespace berkeley::test
