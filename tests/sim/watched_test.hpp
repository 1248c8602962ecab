// A cluster of candidates m1, m2, ... and slaves s0, s1, ... in virtual time, whose invariants are checked
// every 5 ms. m1 founds it; the others are standbys, the lower the number the sooner.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "sim/invariants.hpp"

namespace berkeley::sim {

class WatchedTest : public ::testing::Test {
protected:
    /// Runs until all have settled. What a cluster before it broke is told first.
    void build(int candidates, int slaves, std::uint64_t seed = 1, const SimOptions& options = {}) {
        tell_violations();
        cluster_ = std::make_unique<SimCluster>(seed, options);
        invariants_ = std::make_unique<Invariants>(*cluster_);
        for (int i = 1; i <= candidates; ++i) {
            NodeSpec spec{.id = "m" + std::to_string(i),
                          .drift_ppm = 10.0 * i,
                          .candidate = true,
                          .standby = i > 1,
                          .priority = 100 - 10 * i};
            if (i > 1) spec.masters = {"m1"};
            cluster_->add(spec);
        }
        for (int i = 0; i < slaves; ++i) cluster_->add(slave(i, candidates));
        run(std::chrono::seconds{8});
    }
    /// They know every candidate from the start.
    virtual NodeSpec slave(int i, int candidates) const {
        NodeSpec spec{.id = "s" + std::to_string(i), .drift_ppm = -5.0 * i};
        for (int m = 1; m <= candidates; ++m) spec.masters.push_back("m" + std::to_string(m));
        return spec;
    }

    void run(Duration duration) { run(duration, std::chrono::milliseconds{5}); }
    /// False: it does not hold within the limit.
    bool until(const std::function<bool()>& holds, Duration limit,
               Duration step = std::chrono::milliseconds{5}) {
        const TrueTime end = cluster_->now() + limit;
        while (!holds() && cluster_->now() < end) run(step, step);
        return holds();
    }
    bool leads(const char* id) const {
        return cluster_->alive(id) && cluster_->candidate(id).election().role() == Role::master;
    }

    void tell_violations() const {
        if (!invariants_) return;
        for (const Violation& violation : invariants_->violations()) ADD_FAILURE() << to_string(violation);
    }
    void TearDown() override { tell_violations(); }

    std::unique_ptr<SimCluster> cluster_;
    std::unique_ptr<Invariants> invariants_;

private:
    void run(Duration duration, Duration step) {
        const TrueTime end = cluster_->now() + duration;
        while (cluster_->now() < end) {
            cluster_->run_for(step);
            invariants_->check();
        }
    }
};

}  // namespace berkeley::sim
