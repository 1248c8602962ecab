#include "node/clock_feed.hpp"

#include <utility>

namespace berkeley {

Result<ClockFeed> ClockFeed::open(const NodeOptions& options) {
    ClockFeed feed;
    if (options.refclock_shm >= 0) {
        auto shm = RefclockShm::open(static_cast<int>(options.refclock_shm));
        if (!shm) return failure(shm.error());
        feed.shm_.emplace(std::move(*shm));
    }
    if (!options.refclock_sock.empty()) feed.sock_.emplace(options.refclock_sock);
    return feed;
}

Result<void> ClockFeed::feed(const SlaveCore& slave, const OsClock& clock, SystemClockCalls& calls) {
    if (!wanted() || !slave.discipline().trusted()) return {};
    const ClockObservation seen = observe_clocks(calls);
    const TrueMap map = clock.on_true(slave.discipline().map());
    const RefclockSample sample{seen.realtime_ns, to_ns(map.cluster(seen.at)), seen.doubt};
    if (shm_) shm_->give(sample);
    return sock_ ? sock_->give(sample) : Result<void>{};
}

}  // namespace berkeley
