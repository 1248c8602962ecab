// A cluster on a network of its own, what can be done to it, and what must hold whatever is done: while the
// test waits for anything, no two clocks are further apart than their bounds; and when it ends, no correction
// of an old term was applied after one of a newer anywhere, no node's term went back, and no synchronised
// clock was stepped.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/namespaces.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {

class Faults : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// The first candidate is the master, the others are standbys; then all are together, and the committee
    /// is full. Clocks are wrong by up to seconds and drift apart by up to 35 ppm, but for nodes with `extra`
    /// options.
    void build(const std::vector<std::string>& candidates, const std::vector<std::string>& slaves,
               const std::map<std::string, std::vector<std::string>>& extra = {});
    void start(const std::string& id);
    void kill(const std::string& id);
    void signal(const std::string& id, int number) { nodes_.at(id)->signal(number); }
    void forget_state(const std::string& id);

    /// Each of these gets a new correction, all in one term, of one master among them; their clocks agree.
    void expect_together(std::set<std::string> ids, milliseconds patience = seconds{20});
    void expect_all_together() { expect_together(living()); }
    std::set<std::string> living() const;
    /// Who said last that it is master; empty: nobody.
    std::string master() const;
    std::uint64_t term_of(const std::string& id) const;
    std::string role_of(const std::string& id) const;
    std::string status_of(const std::string& id) const;
    /// Whether it was elected since it was started.
    bool has_led(const std::string& id) const;
    /// It reaches HOLDOVER, and then its bound grows as fast as max-drift says.
    void expect_holdover(const std::string& id);
    /// The living candidates know a committee of as many voters as there can be: only then does the cluster
    /// bear all that docs/FAILOVER.md says.
    void expect_full_committee();
    /// A fault lasts so long; the clocks are watched meanwhile.
    void hold(milliseconds time);
    [[nodiscard]] bool wait_for(const std::function<bool()>& predicate, milliseconds patience = seconds{20});

    std::unique_ptr<Network> network_;
    /// In memory: a busy disk lets a master miss its lease, and is no fault that a test here asked for.
    Cluster cluster_{"/dev/shm"};

private:
    using Life = std::vector<Json>;  ///< the events of a node from its start to its end

    /// Any two clocks that know the time differ by no more than their bounds.
    void check_bounds() const;
    static void check_terms(const std::string& id, const std::vector<Life>& lives);
    static void check_steps(const std::string& id, const std::vector<Life>& lives);
    static void check_order(const std::map<std::string, std::vector<Life>>& nodes);

    std::vector<std::string> candidates_;
    std::map<std::string, std::vector<std::string>> extra_;
    std::map<std::string, Process*> nodes_;           ///< those that run
    std::map<std::string, std::vector<Life>> lives_;  ///< those that have ended
};

}  // namespace berkeley::test
