// ClockFeed: gives cluster time to a running chronyd or ntpd once a second (`--refclock-shm`,
// `--refclock-sock`), which steers the machine's clock by it. Nothing is given while the node's clock is not
// trusted. For the loop's thread only.
#pragma once

#include <optional>
#include <string>

#include "cli/options.hpp"
#include "os/os_clock.hpp"
#include "os/refclock.hpp"
#include "os/system_clock.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

class ClockFeed {
public:
    /// The error is one line.
    [[nodiscard]] static Result<ClockFeed> open(const NodeOptions& options);

    /// Fails where a reader is not there; the next call tries again.
    [[nodiscard]] Result<void> feed(const SlaveCore& slave, const OsClock& clock, SystemClockCalls& calls);

    bool wanted() const { return shm_ || sock_; }

private:
    std::optional<RefclockShm> shm_;
    std::optional<RefclockSock> sock_;
};

}  // namespace berkeley
