#include "sim/scenario_parts.hpp"

#include <utility>

namespace berkeley::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

Duration random(Prng& prng, Duration low, Duration high) {
    return low +
           Duration{static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>((high - low).count())))};
}

std::string slave_name(int i) { return (i < 10 ? "s0" : "s") + std::to_string(i); }

void populate(SimCluster& cluster, Prng& prng, const Population& p) {
    const auto spec = [&](std::string id) {
        NodeSpec node{.id = std::move(id)};
        node.offset = random(prng, -p.offset, p.offset);
        node.oscillator = p.oscillator;
        node.oscillator.sine_phase = prng.uniform();
        node.drift_ppm = prng.uniform(-p.ppm, p.ppm);
        return node;
    };
    NodeSpec m1 = spec("m1");
    m1.candidate = true;
    cluster.add(m1);
    if (p.standby) {
        NodeSpec m2 = spec("m2");
        m2.candidate = m2.standby = true;
        m2.priority = 50;
        m2.masters = {"m1"};
        cluster.add(m2);
    }
    for (int i = 0; i < p.slaves; ++i) {
        NodeSpec slave = spec(slave_name(i));
        slave.masters = {"m1"};
        cluster.add(slave);
    }
}

TrueTime after(Duration d) { return TrueTime{} + d; }

void heal_all(SimCluster& cluster) {
    cluster.network().model().loss = 0;
    cluster.network().model().duplicates = 0;
    cluster.network().heal();
    for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
        const std::string id = cluster.spec(i).id;
        // A liar comes back honest, with the clock that its lies produced.
        if (cluster.lies(i)) cluster.kill(id);
        cluster.lie(id, {});
        if (!cluster.alive(i)) cluster.restart(id, true);
        if (!cluster.sleeping(i)) cluster.resume(id);
    }
}

void on_random_slaves(SimCluster& cluster, Prng& prng, const Scenario& scenario, int slaves, int count,
                      const std::function<void(SimCluster&, const std::string&, std::uint64_t)>& fault) {
    for (int i = 0; i < count; ++i) {
        const TrueTime when = after(random(prng, scenario.settle, scenario.duration - seconds{1}));
        const std::string victim =
            slave_name(static_cast<int>(prng.below(static_cast<std::uint64_t>(slaves))));
        cluster.at(when, [&cluster, victim, fault, draw = prng.next()] { fault(cluster, victim, draw); });
    }
}

Scenario chrony(std::string_view name, std::string_view summary, Limits limits) {
    Scenario s;
    s.name = name;
    s.summary = summary;
    s.options.interval = seconds{1};
    s.options.network.base = microseconds{100};
    s.options.network.jitter_mean = microseconds{100};
    s.options.keep_events = false;
    s.settle = seconds{60};
    s.duration = seconds{180};
    s.limits = limits;
    s.begin = [](SimCluster& cluster, Prng& prng, const Scenario&) {
        populate(cluster, prng,
                 {.slaves = 4,
                  .standby = false,
                  .offset = milliseconds{100},
                  .ppm = 100,
                  .oscillator = {.wander_ppb = 1}});
    };
    return s;
}

Scenario steady(std::string_view name, std::string_view summary, Limits limits) {
    Scenario s;
    s.name = name;
    s.summary = summary;
    s.options.keep_events = false;
    s.settle = seconds{15};
    s.duration = seconds{45};
    s.limits = limits;
    s.begin = [](SimCluster& cluster, Prng& prng, const Scenario&) {
        populate(cluster, prng, {.oscillator = {.wander_ppb = 1}});
    };
    return s;
}

Scenario faulty(std::string_view name, std::string_view summary,
                std::function<void(SimCluster&, Prng&, const Scenario&)> faults) {
    Scenario s = steady(name, summary, {20, 100});
    s.settle = seconds{8};
    s.duration = seconds{25};
    s.begin = [faults = std::move(faults)](SimCluster& cluster, Prng& prng, const Scenario& self) {
        populate(cluster, prng, {.oscillator = {.wander_ppb = 1}});
        faults(cluster, prng, self);
    };
    s.heal = heal_all;
    return s;
}

}  // namespace berkeley::sim
