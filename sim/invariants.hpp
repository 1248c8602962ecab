// Invariants: watches a simulated cluster and reports which promise was broken, when and by which node.
//
//   1 a SYNCHRONIZED clock lies within its bound of the time of the master that it follows
//   2 two SYNCHRONIZED clocks differ by no more than the sum of their bounds
//   3 no clock runs backward, but for jumps that its status and disruption count tell of
//   4 a bound does not shrink without a new measurement (what is still to be slewed does, by slewing)
//   5 with at most f liars, the average stays within the range of the honest clocks' intervals
//   6 corrections are applied in the order of (term, round), none of an older term, none twice
//   7 a term has one leader, and one master at most holds a lease at any instant
//   8 without corrections a clock leaves SYNCHRONIZED within its deadline
//
// The cluster's time in a term is the clock of the master that leads it. Where that master is gone, it is
// the master's last map on the master's oscillator, because its slaves still go by it. Liars, and clocks
// beyond their promised drift, are not correct nodes and are not checked. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/sim_cluster.hpp"

namespace berkeley::sim {

struct Violation {
    int invariant = 0;  ///< 1 to 8
    TrueTime at{};
    std::string what;
};

/// "invariant 2 at 12.345 s: ..."
std::string to_string(const Violation& violation);

class Invariants {
public:
    /// Takes over the cluster's on_change and on_event, and must outlive the run.
    explicit Invariants(SimCluster& cluster);
    Invariants(const Invariants&) = delete;
    Invariants& operator=(const Invariants&) = delete;

    /// Checks all nodes at the present instant.
    void check();

    /// The first violation of each invariant.
    const std::vector<Violation>& violations() const { return violations_; }
    std::uint64_t count(int invariant) const { return counts_.at(static_cast<std::size_t>(invariant)); }
    std::uint64_t total() const;

    /// Whether readers take this clock for SYNCHRONIZED now. (A stopped process cannot withdraw it.)
    bool synchronized(SimCluster::NodeIndex index) const;
    /// This clock less the cluster time that it follows; nothing where that is not known.
    std::optional<Duration> error(SimCluster::NodeIndex index) const;

private:
    struct Watched {
        std::uint64_t life = 0;
        std::uint64_t jumps = 0;
        ClusterTime last = ClusterTime::min();
        RawTime measured_at{};
        std::pair<Term, Round> measured_in;
        Duration certain{0};
        std::pair<Term, Round> corrected{};
        TrueTime corrected_at{};
        Term led = 0;  ///< the last term that it led in this life
    };
    struct Reference {
        SimCluster::NodeIndex leader = 0;
        ClockMap map;
        Duration stood_still{0};  ///< how long the leader's machine had slept, as of the map
        bool known = false;       ///< the leader has known the time in this term
    };

    void on_change(SimCluster::NodeIndex index);
    void on_event(SimCluster::NodeIndex index, const Event& event);
    void on_round(SimCluster::NodeIndex index, const RoundEvent& round);
    void on_correction(SimCluster::NodeIndex index, const CorrectionEvent& correction);
    void follow_leader(SimCluster::NodeIndex index);
    void check_clock(SimCluster::NodeIndex index);
    void check_leases();
    void check_pairs();
    bool is_correct(SimCluster::NodeIndex index) const;
    Term followed_term(SimCluster::NodeIndex index) const;
    bool leads(SimCluster::NodeIndex index) const;
    void report(int invariant, std::string what);
    Watched& watched(SimCluster::NodeIndex index);

    SimCluster& cluster_;
    std::vector<Watched> watched_;
    std::map<Term, Reference> references_;
    std::vector<Violation> violations_;
    std::array<std::uint64_t, 9> counts_{};
};

}  // namespace berkeley::sim
