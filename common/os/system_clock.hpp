// SystemClock: steers CLOCK_REALTIME by a ClockServo, for `--clock system`.
//
//   begin() --> [ update() ]* --> release()
//
// begin() changes nothing that another program may have left, above all no frequency: the kernel is taken
// over by the first update that knows the time. A rival (a daemon that keeps the kernel's clock as well) is
// refused there; later each update compares what the kernel says with what was set, and reports the
// difference. Beyond +-500 ppm the rest goes into the kernel's tick, in units of 100 ppm, as chrony does; a
// kernel that refuses it limits the rate. STA_UNSYNC stays set unless the time is claimed to be UTC
// (`--claim-sync`). Failure mode: after SIGKILL the kernel runs on at the last frequency, pull and slewing
// included, until somebody sets another. release() and the destructor leave the plain frequency. Not
// thread-safe.
#pragma once

#include <sys/timex.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "os/clock_servo.hpp"

namespace berkeley {

/// The system calls of the clock; tests hand in a fake.
class SystemClockCalls {
public:
    virtual ~SystemClockCalls() = default;
    /// clock_adjtime(CLOCK_REALTIME): 0 or an errno. Fills in what the kernel keeps now.
    virtual int adjust(timex& request) = 0;
    virtual std::int64_t realtime_ns() = 0;
    virtual TrueTime true_now() = 0;
};

/// Both clocks at one instant.
ClockObservation observe_clocks(SystemClockCalls& calls);

class LinuxSystemClock final : public SystemClockCalls {
public:
    int adjust(timex& request) override;
    std::int64_t realtime_ns() override;
    TrueTime true_now() override;
};

/// The part of the kernel's state by which two processes can tell whether they see the same kernel.
struct KernelMark {
    std::int64_t frequency = 0;
    std::int64_t tick = 0;
    std::int64_t esterror = 0;
    friend bool operator==(const KernelMark&, const KernelMark&) = default;
};

class SystemClock {
public:
    struct Options {
        ClockServoOptions servo;
        bool claim_sync = false;
        std::int64_t nominal_tick = 10'000;  ///< microseconds per tick of user space
        /// Told to the kernel as its estimated error until a real one is known.
        std::int64_t mark = 0;
    };

    /// What is known of the node's own clock.
    struct Node {
        const TrueMap& map;
        std::uint64_t jumps = 0;
        bool trusted = false;
        Duration bound{0};  ///< now
    };

    struct Report {
        Duration residual{0};  ///< cluster time less CLOCK_REALTIME, before this update
        double frequency_ppm = 0;
        double plain_ppm = 0;
        Duration stepped{0};
        Duration moved{0};          ///< by somebody else
        bool limited = false;       ///< the clock cannot be moved as fast as is wanted
        std::string rival;          ///< what somebody else changed; empty: nothing
        bool tick_refused = false;  ///< told once
        TrueTime next{};
    };

    /// Requires: `calls` outlives the clock.
    SystemClock(SystemClockCalls& calls, const Options& options)
        : calls_(calls), options_(options), servo_(options.servo) {}
    ~SystemClock() { release(); }
    SystemClock(const SystemClock&) = delete;
    SystemClock& operator=(const SystemClock&) = delete;

    /// What the kernel says before anything is changed.
    [[nodiscard]] Result<timex> look() const;
    /// Fails, with advice, where the process may not set the clock.
    [[nodiscard]] Result<void> begin();
    /// Call it at `next`, and right after the node's clock was corrected. Nothing happens, and the report is
    /// empty, until the node's clock is trusted for the first time.
    [[nodiscard]] Result<Report> update(const Node& node);
    /// Leaves the kernel with the plain frequency, and no claim. Harmless where nothing was taken over.
    void release();

    bool steering() const { return owned_; }
    KernelMark mark() const;

private:
    [[nodiscard]] Result<void> take_over();
    [[nodiscard]] Result<void> step(Duration by);
    [[nodiscard]] Result<void> set_frequency(double ppm, Report& report);
    [[nodiscard]] Result<void> set_status_and_errors(const Node& node, const ServoPlan& plan);
    std::string find_rival();
    int adjust(timex& request);

    SystemClockCalls& calls_;
    Options options_;
    ClockServo servo_;
    bool begun_ = false;
    bool owned_ = false;         ///< the kernel's frequency is ours
    bool tick_refused_ = false;  ///< by the kernel
    timex found_{};              ///< at the start
    timex known_{};              ///< as the kernel said after our last change
};

}  // namespace berkeley
