#include "os/cpu_waker.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace berkeley {

namespace {

std::int64_t monotonic_ns() {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::size_t> cpus_allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<std::size_t> cpus;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
}

/// A spinning thread leaves its share of the core to the other hardware thread.
void breathe() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace

CpuWaker::CpuWaker() {
    const std::vector<std::size_t> cpus = cpus_allowed();
    const bool pinned = cpus.size() <= kThreadsMax;
    for (std::size_t i = 0; i < std::min(cpus.size(), kThreadsMax); ++i) {
        // Left to the scheduler, all would often share one CPU while the others sleep.
        const auto cpu = pinned ? std::optional(cpus[i]) : std::nullopt;
        std::thread([shared = shared_, i, cpu] {
            shared->threads[i] = ::gettid();
            shared->run(cpu);
            shared->threads[i] = 0;
        }).detach();
    }
}

CpuWaker::~CpuWaker() {
    shared_->stop = true;
    shared_->until_ns = 0;
    ++shared_->signal;
    shared_->signal.notify_all();
    // A process is gone when its last thread is, and on a busy machine these hardly run. Only a privileged
    // process may hurry them.
    const sched_param none{};
    for (const auto& thread : shared_->threads) {
        if (thread != 0) static_cast<void>(::sched_setscheduler(thread, SCHED_OTHER, &none));
    }
}

void CpuWaker::hold(Duration duration) {
    shared_->until_ns = monotonic_ns() + duration.count();
    if (shared_->sleeping == 0) return;
    ++shared_->signal;
    shared_->signal.notify_all();
}

void CpuWaker::Shared::run(std::optional<std::size_t> cpu) {
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) return;
    if (cpu) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(*cpu, &set);
        if (::sched_setaffinity(0, sizeof set, &set) != 0) return;
    }
    while (!stop) {
        while (monotonic_ns() < until_ns.load(std::memory_order_relaxed)) {
            for (int i = 0; i < 16; ++i) breathe();
        }
        // hold() either sees this thread as sleeping, or is seen by the second look at the deadline.
        const std::uint32_t seen = signal;
        ++sleeping;
        if (!stop && monotonic_ns() >= until_ns) signal.wait(seen);
        --sleeping;
    }
}

}  // namespace berkeley
