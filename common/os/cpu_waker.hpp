// CpuWaker: keeps this machine's CPUs from falling asleep in the middle of a burst of probes.
//
// A CPU that has nothing to do halts, and waking it costs 10 to 100 us, more one way of a probe than the
// other. The time-stamps of a burst on an idle machine are four times as noisy as on a busy one for that
// reason alone. So while an answer is awaited a few threads of policy SCHED_IDLE spin: they run only where
// nobody else wants the CPU, and give way at once to whoever does (a spinning thread of the usual policy
// would starve those that move the messages). Where the policy is refused there is no spinning. On at most
// kThreadsMax CPUs there is one thread on each; on a larger machine the scheduler places them, and only a
// process confined to a few CPUs (taskset) has the effect for certain. hold() is for one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/time.hpp"

namespace berkeley {

class CpuWaker {
public:
    /// More CPUs than the ends of a probe and their I/O threads occupy need not be awake.
    static constexpr std::size_t kThreadsMax = 4;

    CpuWaker();
    ~CpuWaker();
    CpuWaker(const CpuWaker&) = delete;
    CpuWaker& operator=(const CpuWaker&) = delete;

    /// From now on and for so long. Costs a store while it is held already, and a wake-up otherwise.
    void hold(Duration duration);

private:
    /// Owned by the threads too: on a busy machine they may not run for seconds, and nobody waits for them.
    struct Shared {
        void run(std::optional<std::size_t> cpu);

        std::atomic<std::int64_t> until_ns{0};  ///< CLOCK_MONOTONIC
        std::atomic<std::uint32_t> sleeping{0};
        std::atomic<std::uint32_t> signal{0};
        std::atomic<bool> stop{false};
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace berkeley
