#include "bench/accuracy_phase.hpp"

#include <cstdlib>
#include <fstream>
#include <string>

namespace berkeley::bench {

namespace {

constexpr std::size_t kSweepsMax = 30'000;

double micro(std::int64_t ns) { return static_cast<double>(ns) / 1000; }
double micro(Duration value) { return micro(value.count()); }

}  // namespace

CpuTime CpuTime::now() {
    // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guests are in user already.
    constexpr int kColumns = 8;
    constexpr int kIdle = 3;
    constexpr int kIoWait = 4;
    CpuTime time;
    std::ifstream file("/proc/stat");
    std::string label;
    file >> label;
    for (int column = 0; column < kColumns; ++column) {
        std::uint64_t ticks = 0;
        if (!(file >> ticks)) break;
        time.all += ticks;
        if (column == kIdle || column == kIoWait) time.idle += ticks;
    }
    return time;
}

double CpuTime::busy_since(const CpuTime& before) const {
    if (all <= before.all) return 0;
    return 1 - static_cast<double>(idle - before.idle) / static_cast<double>(all - before.all);
}

void AccuracyPhase::add(const harness::Sweep& sweep) {
    spread.add(micro(sweep.spread_ns()));
    for (std::size_t i = 1; i < sweep.clocks.size(); ++i) {
        offset.add(micro(std::abs(sweep.clocks[i].now_ns - sweep.clocks.front().now_ns)));
        bound.add(micro(sweep.clocks[i].bound_ns));
    }
    judge(sweep);
    if (sweeps.size() < kSweepsMax) sweeps.push_back(sweep);
}

void AccuracyPhase::add(const SingleProbe& probe) {
    single_cristian.add(micro(probe.cristian_error()));
    tutorial.add(micro(probe.uncompensated_error()));
}

void AccuracyPhase::judge(const harness::Sweep& sweep) {
    const std::vector<harness::Reading>& clocks = sweep.clocks;
    for (std::size_t i = 0; i < clocks.size(); ++i) {
        if (clocks[i].status != BERKELEY_CLOCK_SYNCHRONIZED) continue;
        for (std::size_t j = i + 1; j < clocks.size(); ++j) {
            if (clocks[j].status != BERKELEY_CLOCK_SYNCHRONIZED) continue;
            const std::int64_t apart = std::abs(clocks[i].now_ns - clocks[j].now_ns);
            if (apart > clocks[i].bound_ns + clocks[j].bound_ns) ++violations.pairs;
            if (i == 0 && apart > clocks[j].bound_ns) ++violations.master;
        }
    }
    last_status_.resize(clocks.size(), BERKELEY_CLOCK_SYNCHRONIZED);
    for (std::size_t i = 0; i < clocks.size(); ++i) {
        const bool was = last_status_[i] == BERKELEY_CLOCK_SYNCHRONIZED;
        if (was && clocks[i].status != BERKELEY_CLOCK_SYNCHRONIZED) ++violations.status;
        last_status_[i] = clocks[i].status;
    }
}

}  // namespace berkeley::bench
