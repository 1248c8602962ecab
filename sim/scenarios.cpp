#include "sim/scenarios.hpp"

#include "sim/scenario_parts.hpp"

namespace berkeley::sim {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void add_conditions(std::vector<Scenario>& all) {
    all.push_back(
        chrony("chrony-default", "100 ppm, 0.1 s, 100 us + 100 us jitter, wander 1e-9", {20, 1000}));
    // Heartbeats are lost too: such a network needs a --heartbeat-timeout of more than five intervals.
    all.push_back(chrony("chrony-loss", "the same, a third of the messages lost, timeout 2 s", {20, 1000}));
    all.back().options.network.loss = 0.33;
    all.back().options.heartbeat_timeout = seconds{2};
    all.push_back(chrony("chrony-asymmetry", "the same, 97 % of the jitter on one way", {20, 1000}));
    all.back().options.network.jitter_asymmetry = 0.47;
    all.push_back(chrony("chrony-large-jitter", "the same, jitter of 10 ms", {2000, 6000}));
    all.back().options.network.jitter_mean = milliseconds{10};
    all.push_back(chrony("chrony-5-percent", "clocks up to 5 % fast or slow, and declared so", {20, 1000}));
    all.back().options.discipline.max_drift_ppb = 100'000'000;
    all.back().options.discipline.max_bound = seconds{2};
    all.back().begin = [](SimCluster& cluster, Prng& prng, const Scenario&) {
        populate(cluster, prng,
                 {.slaves = 4,
                  .standby = false,
                  .offset = milliseconds{100},
                  .ppm = 50'000,
                  .oscillator = {.wander_ppb = 1}});
    };
    all.push_back(steady("quiet-lan", "50 us + 10 us jitter, hours and 50 ppm off", {5, 50}));
    all.push_back(
        steady("constant-asymmetry", "20 us more on one way: invisible, but within the bound", {25, 30}));
    all.back().options.network.base_asymmetry = microseconds{20};
    all.push_back(steady("spikes", "one message in 50 takes 5 ms more", {10, 200}));
    all.back().options.network.spikes = 0.02;
    all.back().options.network.spike = milliseconds{5};
    all.push_back(steady("temperature", "frequencies swing by 1 ppm in a minute", {20, 100}));
    all.back().begin = [](SimCluster& cluster, Prng& prng, const Scenario&) {
        populate(cluster, prng,
                 {.oscillator = {.wander_ppb = 1, .sine_ppb = 1000, .sine_period = minutes{1}}});
    };
    all.push_back(steady("frequency-step", "every oscillator changes by up to 10 ppm at once", {20, 300}));
    all.back().begin = [](SimCluster& cluster, Prng& prng, const Scenario& s) {
        const TrueTime when = after(random(prng, s.settle, s.duration));
        const double ppb = prng.uniform(-10'000, 10'000);
        populate(cluster, prng, {.oscillator = {.wander_ppb = 1, .steps = {{when, ppb}}}});
        for (int i = 0; i < 3; ++i) {
            cluster.add({.id = "t" + std::to_string(i),
                         .masters = {"m1"},
                         .oscillator = {.steps = {{when + seconds{i}, -ppb}}}});
        }
    };
}

void add_liars(std::vector<Scenario>& all) {
    struct Kind {
        std::string_view name;
        std::string_view summary;
        Lie lie;
    };
    const Kind kinds[] = {
        {"liars-constant",
         "two of eight clocks claim to be 3 ms ahead",
         {LieKind::constant, milliseconds{3}}},
        {"liars-ramp", "two of eight clocks run away by 50 us a second", {LieKind::ramp, microseconds{50}}},
        {"liars-two-faced",
         "two of eight clocks lie up and down by turns",
         {LieKind::two_faced, microseconds{300}}},
        {"liars-huge-bound",
         "two of eight clocks are 2 ms off and claim to know nothing",
         {LieKind::huge_bound, milliseconds{2}}},
    };
    for (const Kind& kind : kinds) {
        all.push_back(
            faulty(kind.name, kind.summary, [lie = kind.lie](SimCluster& c, Prng& prng, const Scenario& s) {
                const TrueTime when = after(random(prng, s.settle, s.settle + seconds{2}));
                c.at(when, [&c, lie] {
                    c.lie("s01", lie);
                    c.lie("s04", lie);
                });
            }));
    }
}

Scenario holdover() {
    Scenario s =
        steady("holdover", "no master for an hour, wander 1e-9: the clocks stay within 5 ms", {500, 5000});
    s.options.interval = seconds{1};
    s.options.discipline.max_bound = seconds{1};
    s.settle = seconds{120};
    s.duration = seconds{120} + hours{1};
    s.begin = [](SimCluster& cluster, Prng& prng, const Scenario& self) {
        populate(cluster, prng, {.slaves = 3, .standby = false, .oscillator = {.wander_ppb = 1}});
        cluster.at(after(self.settle), [&cluster] { cluster.kill("m1"); });
    };
    return s;
}

}  // namespace

std::vector<Scenario> scenarios(const DelayTrace* idle, const DelayTrace* loaded) {
    std::vector<Scenario> all;
    add_conditions(all);
    if (idle != nullptr) {
        all.push_back(steady("recorded-idle", "delays recorded on an idle machine", {5, 50}));
        all.back().options.network.trace = idle;
    }
    if (loaded != nullptr) {
        all.push_back(steady("recorded-loaded", "delays recorded on a machine under load", {5, 50}));
        all.back().options.network.trace = loaded;
    }
    add_liars(all);
    add_faults(all);
    add_elections(all);
    all.push_back(holdover());
    return all;
}

}  // namespace berkeley::sim
