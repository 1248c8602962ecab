// CpuWaker: keeps this machine's CPUs from falling asleep in the middle of a burst of probes.
//
// An idle CPU halts, and it takes 10 to 100 us to wake it, more on one way of a probe than on the other. For
// that reason alone the time-stamps of a burst are four times as noisy on an idle machine as on a busy one.
// So a few threads of policy SCHED_IDLE spin while a node awaits an answer. They run only where nobody else
// wants the CPU, and give way at once; a spinning thread of the usual policy would starve the threads that
// move the messages. Where the system refuses the policy, nothing spins. A machine with at most kThreadsMax
// CPUs has one thread on each. On a larger machine the scheduler places them, and only a process that is
// confined to a few CPUs (taskset) has the effect for certain. One thread calls hold().
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/time.hpp"

namespace berkeley {

class CpuWaker {
public:
    /// The ends of a probe and their I/O threads occupy no more CPUs than this.
    static constexpr std::size_t kThreadsMax = 4;

    CpuWaker();
    ~CpuWaker();
    CpuWaker(const CpuWaker&) = delete;
    CpuWaker& operator=(const CpuWaker&) = delete;

    /// Keeps the CPUs awake for `duration` from now. It costs a store while they are held already, and a
    /// wake-up otherwise.
    void hold(Duration duration);

private:
    /// Owned by the threads too: on a busy machine they may not run for seconds, and nobody waits for them.
    struct Shared {
        void run(std::optional<std::size_t> cpu);

        std::atomic<std::int64_t> until_ns{0};  ///< CLOCK_MONOTONIC
        std::atomic<std::uint32_t> sleeping{0};
        std::atomic<std::uint32_t> signal{0};
        std::atomic<bool> stop{false};
        std::array<std::atomic<pid_t>, kThreadsMax> threads{};  ///< those that run; 0: none
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace berkeley
