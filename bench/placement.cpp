#include "bench/placement.hpp"

#include <sched.h>

#include <vector>

namespace berkeley::bench {

namespace {

/// The CPUs allowed to the process when it started: place() itself narrows what the kernel would tell later.
const std::vector<int>& allowed() {
    static const std::vector<int> cpus = [] {
        std::vector<int> found;
        cpu_set_t set;
        CPU_ZERO(&set);
        if (::sched_getaffinity(0, sizeof set, &set) != 0) return found;
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) found.push_back(cpu);
        }
        return found;
    }();
    return cpus;
}

}  // namespace

void place(End end) {
    const std::vector<int>& cpus = allowed();
    if (cpus.size() < 2) return;
    const std::size_t half = cpus.size() / 2;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (std::size_t i = 0; i < cpus.size(); ++i) {
        if ((i < half) == (end == End::here)) CPU_SET(static_cast<std::size_t>(cpus[i]), &set);
    }
    // A refusal leaves the thread where the scheduler wants it, which is worse and not wrong.
    static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
}

std::string placement_text() {
    return allowed().size() < 2 ? "both ends share one CPU" : "each end on its own half of the CPUs";
}

}  // namespace berkeley::bench
