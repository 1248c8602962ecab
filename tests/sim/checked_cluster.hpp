// A simulated cluster that is watched: every invariant, every 10 ms, in whatever test it is used.
#pragma once

#include <gtest/gtest.h>

#include "sim/invariants.hpp"

namespace berkeley::sim {

class CheckedCluster : public SimCluster {
public:
    CheckedCluster(std::uint64_t seed, const SimOptions& options)
        : SimCluster(seed, options), invariants_(*this) {
        watch();
    }
    explicit CheckedCluster(std::uint64_t seed, NetworkModel network = {},
                            Duration interval = std::chrono::milliseconds{250})
        : SimCluster(seed, network, interval), invariants_(*this) {
        watch();
    }
    ~CheckedCluster() {
        for (const Violation& violation : invariants_.violations()) ADD_FAILURE() << to_string(violation);
    }
    CheckedCluster(const CheckedCluster&) = delete;
    CheckedCluster& operator=(const CheckedCluster&) = delete;

private:
    void watch() {
        on_step = [this] {
            if (now() < next_check_) return;
            next_check_ = now() + std::chrono::milliseconds{10};
            invariants_.check();
        };
    }
    Invariants invariants_;
    TrueTime next_check_{};
};

}  // namespace berkeley::sim
