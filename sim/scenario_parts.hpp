// What scenarios are made of: populations of nodes, kinds of scenarios, faults at random instants.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenarios.hpp"

namespace berkeley::sim {

struct Population {
    int slaves = 6;
    bool standby = true;
    Duration offset = std::chrono::hours{1};  ///< at most, either way
    double ppm = 50;                          ///< at most, either way
    OscillatorModel oscillator;               ///< of each; its ppm comes on top
};

Duration random(Prng& prng, Duration low, Duration high);
std::string slave_name(int i);
void populate(SimCluster& cluster, Prng& prng, const Population& p);
TrueTime after(Duration d);
/// Ends all faults: links are whole, processes run, and no node lies.
void heal_all(SimCluster& cluster);
/// Schedules `count` faults at random instants of the first phase, each on a random slave.
void on_random_slaves(SimCluster& cluster, Prng& prng, const Scenario& scenario, int slaves, int count,
                      const std::function<void(SimCluster&, const std::string&, std::uint64_t)>& fault);
/// The condition of chrony's own simulations: one server, its clients 100 ppm and 0.1 s off.
Scenario chrony(std::string_view name, std::string_view summary, Limits limits);
Scenario steady(std::string_view name, std::string_view summary, Limits limits);
/// Where clocks that hear no master are scored too, the limits allow for a rate that is not yet settled: 8 s
/// after the founding the rate of cluster time still changes, and these clocks do not hear of it.
Scenario faulty(std::string_view name, std::string_view summary,
                std::function<void(SimCluster&, Prng&, const Scenario&)> faults);

/// Scenarios with faults of processes and links, and of elections.
void add_faults(std::vector<Scenario>& all);
void add_elections(std::vector<Scenario>& all);

}  // namespace berkeley::sim
