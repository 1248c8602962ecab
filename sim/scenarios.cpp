#include "sim/scenarios.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>

namespace berkeley::sim {

namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Duration random(Prng& prng, Duration low, Duration high) {
    return low +
           Duration{static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>((high - low).count())))};
}

std::string slave_name(int i) { return (i < 10 ? "s0" : "s") + std::to_string(i); }

struct Population {
    int slaves = 6;
    bool standby = true;
    Duration offset = hours{1};  ///< at most, either way
    double ppm = 50;             ///< at most, either way
    OscillatorModel oscillator;  ///< of each; its ppm comes on top
};

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

/// Ends all faults: links are whole, processes run, and no node lies.
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

/// Schedules `count` faults at random instants of the first phase, each on a random slave.
void on_random_slaves(SimCluster& cluster, Prng& prng, const Scenario& scenario, int slaves, int count,
                      const std::function<void(SimCluster&, const std::string&, std::uint64_t)>& fault) {
    for (int i = 0; i < count; ++i) {
        const TrueTime when = after(random(prng, scenario.settle, scenario.duration - seconds{1}));
        const std::string victim =
            slave_name(static_cast<int>(prng.below(static_cast<std::uint64_t>(slaves))));
        cluster.at(when, [&cluster, victim, fault, draw = prng.next()] { fault(cluster, victim, draw); });
    }
}

/// The condition of chrony's own simulations: one server, its clients 100 ppm and 0.1 s off.
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

/// Where clocks that hear no master are scored too, the limits allow for a rate that is not yet settled: 8 s
/// after the founding the rate of cluster time still changes, and these clocks do not hear of it.
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

void add_faults(std::vector<Scenario>& all) {
    all.push_back(
        faulty("slaves-crash", "slaves die and come back", [](SimCluster& c, Prng& prng, const Scenario& s) {
            on_random_slaves(c, prng, s, 6, 8, [](SimCluster& cl, const std::string& id, std::uint64_t draw) {
                cl.kill(id);
                cl.at(cl.now() + Duration{static_cast<std::int64_t>(draw % 3'000'000'000)}, [&cl, id] {
                    if (!cl.alive(id)) cl.restart(id, true);
                });
            });
        }));
    // One node at a time: where a majority of the voters lose their promises, only force-bootstrap helps.
    all.push_back(faulty(
        "states-lost", "one node after the other comes back without its state, the master too",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            TrueTime when = after(s.settle);
            for (const std::string id : {"s01", "m1", "s00", "m2"}) {
                when += seconds{4};
                c.at(when, [&c, id] { c.kill(id); });
                c.at(when + random(prng, milliseconds{1}, seconds{2}), [&c, id] { c.restart(id, false); });
            }
        }));
    all.push_back(faulty(
        "processes-pause", "slaves stop for up to 4 s", [](SimCluster& c, Prng& prng, const Scenario& s) {
            on_random_slaves(c, prng, s, 6, 8, [](SimCluster& cl, const std::string& id, std::uint64_t draw) {
                cl.pause(id);
                cl.at(cl.now() + Duration{static_cast<std::int64_t>(draw % 4'000'000'000)},
                      [&cl, id] { cl.resume(id); });
            });
        }));
    all.push_back(faulty(
        "machines-suspend", "slaves' machines sleep for up to 6 s",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            on_random_slaves(c, prng, s, 6, 5, [](SimCluster& cl, const std::string& id, std::uint64_t draw) {
                if (!cl.sleeping(cl.index(id))) {
                    cl.suspend(id, Duration{static_cast<std::int64_t>(1 + draw % 6'000'000'000)});
                }
            });
        }));
    all.push_back(faulty(
        "candidates-suspend", "candidates' machines sleep for up to 6 s, also the master's in a burst",
        [](SimCluster& c, Prng& prng, const Scenario&) {
            for (int i = 0; i < 6; ++i) {
                const std::string id = prng.below(3) == 0 ? "m2" : "m1";
                const Duration nap{
                    static_cast<std::int64_t>(1 + prng.below(prng.below(2) ? 100'000'000 : 6'000'000'000))};
                c.at(
                    c.now() + seconds{8 * i} + Duration{static_cast<std::int64_t>(prng.below(4'000'000'000))},
                    [&c, id, nap] {
                        if (c.alive(id) && !c.sleeping(c.index(id))) c.suspend(id, nap);
                    });
            }
        }));
    all.push_back(faulty(
        "slaves-cut-off", "links to the master go, both ways or one",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            on_random_slaves(c, prng, s, 6, 8, [](SimCluster& cl, const std::string& id, std::uint64_t draw) {
                if (draw % 3 != 1) cl.cut_way(id, "m1");
                if (draw % 3 != 2) cl.cut_way("m1", id);
                cl.at(cl.now() + Duration{static_cast<std::int64_t>(draw % 8'000'000'000)},
                      [&cl, id] { cl.cut(id, "m1", false); });
            });
        }));
    all.back().limits = {80, 500};
    all.push_back(faulty("storm", "20 % lost, 20 % twice, spikes of 30 ms that reorder",
                         [](SimCluster& c, Prng&, const Scenario&) {
                             NetworkModel& model = c.network().model();
                             model.loss = 0.2;
                             model.duplicates = 0.2;
                             model.spikes = 0.05;
                             model.spike = milliseconds{30};
                         }));
    all.push_back(faulty("master-dies", "the master dies, the standby takes over, the master comes back",
                         [](SimCluster& c, Prng& prng, const Scenario& s) {
                             const TrueTime when = after(random(prng, s.settle, s.settle + seconds{3}));
                             c.at(when, [&c] { c.kill("m1"); });
                             c.at(when + random(prng, milliseconds{10}, seconds{8}),
                                  [&c, state = prng.chance(0.5)] { c.restart("m1", state); });
                         }));
    all.push_back(faulty("master-pauses", "the master stops for up to 10 s and goes on",
                         [](SimCluster& c, Prng& prng, const Scenario& s) {
                             const TrueTime when = after(random(prng, s.settle, s.settle + seconds{3}));
                             c.at(when, [&c] { c.pause("m1"); });
                             c.at(when + random(prng, milliseconds{10}, seconds{10}),
                                  [&c] { c.resume("m1"); });
                         }));
}

/// Three candidates and four slaves, all of which know each other when the faults begin.
Scenario electoral(std::string_view name, std::string_view summary,
                   std::function<void(SimCluster&, Prng&, const Scenario&)> faults) {
    Scenario s = faulty(name, summary, nullptr);
    s.begin = [faults = std::move(faults)](SimCluster& cluster, Prng& prng, const Scenario& self) {
        populate(cluster, prng, {.slaves = 4, .oscillator = {.wander_ppb = 1}});
        NodeSpec m3{.id = "m3"};
        m3.candidate = m3.standby = true;
        m3.priority = 20;
        m3.masters = {"m1"};
        m3.drift_ppm = prng.uniform(-50, 50);
        cluster.add(m3);
        faults(cluster, prng, self);
    };
    return s;
}

constexpr const char* kElectorate[] = {"m1", "m2", "m3", "s00", "s01", "s02", "s03"};

/// Calls `fault(draw)` every `period`, from a random instant of the first phase on.
void repeatedly(SimCluster& c, Prng& prng, const Scenario& s, Duration period,
                const std::function<void(std::uint64_t)>& fault) {
    TrueTime when = after(random(prng, s.settle, s.settle + seconds{1}));
    for (; when < after(s.duration); when += period) c.at(when, [fault, draw = prng.next()] { fault(draw); });
}

void add_elections(std::vector<Scenario>& all) {
    all.push_back(electoral("partitions",
                            "the network falls into two random halves and becomes whole, again and again",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                repeatedly(c, prng, s, seconds{3}, [&c](std::uint64_t draw) {
                                    c.network().heal();
                                    if (draw % 4 == 0) return;
                                    for (std::size_t a = 0; a < std::size(kElectorate); ++a) {
                                        for (std::size_t b = 0; b < a; ++b) {
                                            if (((draw >> (8 + a)) ^ (draw >> (8 + b))) & 1U)
                                                c.cut(kElectorate[a], kElectorate[b]);
                                        }
                                    }
                                });
                            }));
    all.back().limits = {100, 500};
    all.push_back(electoral("one-way-cuts", "single links go one way only, at random",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                repeatedly(c, prng, s, milliseconds{700}, [&c](std::uint64_t draw) {
                                    if (draw % 3 == 0) c.network().heal();
                                    const std::size_t n = std::size(kElectorate);
                                    const std::size_t a = (draw >> 8) % n;
                                    const std::size_t b = (draw >> 16) % n;
                                    if (a != b) c.cut_way(kElectorate[a], kElectorate[b]);
                                });
                            }));
    all.back().limits = {80, 500};
    all.push_back(electoral("candidates-cut", "the candidates do not hear each other, the slaves hear all",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                c.at(after(random(prng, s.settle, s.settle + seconds{3})), [&c] {
                                    c.cut("m1", "m2");
                                    c.cut("m1", "m3");
                                    c.cut("m2", "m3");
                                });
                            }));
    all.back().limits = {200, 800};
    all.push_back(
        electoral("candidates-cut-one-way", "one candidate does not hear another, the slaves hear all",
                  [](SimCluster& c, Prng& prng, const Scenario& s) {
                      repeatedly(c, prng, s, seconds{4}, [&c](std::uint64_t draw) {
                          c.network().heal();
                          const std::size_t from = draw % 3;
                          c.cut_way(kElectorate[from], kElectorate[(from + 1 + (draw >> 8) % 2) % 3]);
                      });
                  }));
    all.back().limits = {100, 500};
    // A master that is heard but hears nothing must give up by itself; one that hears but is not heard is
    // replaced.
    for (const bool deaf : {true, false}) {
        all.push_back(electoral(deaf ? "master-deaf" : "master-mute",
                                deaf ? "nothing reaches the master any more, all hear it"
                                     : "nothing of the master's arrives any more, it hears all",
                                [deaf](SimCluster& c, Prng& prng, const Scenario& s) {
                                    c.at(after(random(prng, s.settle, s.settle + seconds{3})), [&c, deaf] {
                                        for (const char* other : kElectorate) {
                                            if (std::string_view(other) == "m1") continue;
                                            c.cut_way(deaf ? other : "m1", deaf ? "m1" : other);
                                        }
                                    });
                                }));
    }
    all.push_back(electoral("flapping", "the master's links go and come every 300 ms",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                repeatedly(c, prng, s, milliseconds{300},
                                           [&c, down = std::make_shared<bool>(false)](std::uint64_t) {
                                               *down = !*down;
                                               for (const char* other : kElectorate) {
                                                   if (std::string_view(other) != "m1")
                                                       c.cut("m1", other, *down);
                                               }
                                           });
                            }));
    all.push_back(
        electoral("candidates-crash",
                  "candidates die and come back, with their state, the standby during elections too",
                  [](SimCluster& c, Prng& prng, const Scenario& s) {
                      repeatedly(c, prng, s, milliseconds{1500}, [&c](std::uint64_t draw) {
                          const std::string id = kElectorate[draw % 3];
                          if (c.alive(id)) {
                              c.kill(id);
                          } else {
                              c.restart(id, true);
                          }
                      });
                  }));
    // A node that died before its rate was first saved, 30 s after its start, begins again with an error of
    // 100 ppm.
    all.back().limits = {25, 150};
    all.push_back(electoral(
        "standby-restarts", "the master dies, and the standby while it asks for votes; both come back",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            const TrueTime when = after(random(prng, s.settle, s.settle + seconds{3}));
            c.at(when, [&c] { c.kill("m1"); });
            const TrueTime amid = when + random(prng, milliseconds{450}, milliseconds{800});
            c.at(amid, [&c] { c.kill("m2"); });
            const TrueTime back = amid + random(prng, milliseconds{1}, seconds{1});
            c.at(back, [&c, state = prng.chance(0.7)] { c.restart("m2", state); });
            c.at(back + random(prng, milliseconds{1}, seconds{3}), [&c] { c.restart("m1", true); });
        }));
    all.push_back(electoral(
        "slow-disks", "every save takes 60 ms, and voters die amid them and come back with what was saved",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            repeatedly(c, prng, s, milliseconds{1100}, [&c](std::uint64_t draw) {
                const std::string id = kElectorate[draw % std::size(kElectorate)];
                if (!c.alive(id)) return c.restart(id, true);
                // If most clocks died at once the cluster's time would be lost; this scenario does not ask
                // for that.
                std::size_t trusted = 0;
                for (const std::string other : kElectorate) {
                    if (other != id && c.alive(other) && c.slave(other).discipline().trusted()) ++trusted;
                }
                if (2 * trusted > std::size(kElectorate) + 1) c.kill(id);
            });
        }));
    all.back().options.save_takes = milliseconds{60};
    all.push_back(electoral("candidates-pause", "candidates stop for up to 3 s and go on where they were",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                repeatedly(c, prng, s, seconds{2}, [&c](std::uint64_t draw) {
                                    const std::string id = kElectorate[draw % 3];
                                    c.pause(id);
                                    c.at(c.now() +
                                             Duration{static_cast<std::int64_t>((draw >> 8) % 3'000'000'000)},
                                         [&c, id] { c.resume(id); });
                                });
                            }));
    all.back().limits = {20, 200};
    all.push_back(electoral("all-restart", "all nodes are restarted at once",
                            [](SimCluster& c, Prng& prng, const Scenario& s) {
                                c.at(after(random(prng, s.settle, s.settle + seconds{3})), [&c] {
                                    for (const char* id : kElectorate) c.restart(id, true);
                                });
                            }));
    all.push_back(electoral(
        "fast-candidate", "the raw clock of one standby runs 10 % fast; the master dies",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            NodeSpec fast{
                .id = "m4", .drift_ppm = 100'000, .candidate = true, .standby = true, .priority = 90};
            fast.masters = {"m1"};
            fast.faulty = true;
            c.add(fast);
            c.at(after(random(prng, s.settle, s.settle + seconds{3})), [&c] { c.kill("m1"); });
        }));
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

/// Scores the clocks of one run tick by tick.
class Score {
public:
    void look(const SimCluster& cluster, const Invariants& invariants, bool counts) {
        for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
            if (!cluster.alive(i)) continue;
            digest_ = (digest_ ^ static_cast<std::uint64_t>(to_ns(cluster.clock(i)))) * 0x100000001b3ULL;
            const Discipline& clock = cluster.slave(i).discipline();
            if (!counts || cluster.lies(i) || cluster.paused(i) || !clock.trusted()) continue;
            const auto error = invariants.error(i);
            if (!error || *error == Duration{0}) continue;
            const double off = static_cast<double>(error->count()) * 1e-3;
            sum_ += off * off;
            ++count_;
            max_ = std::max(max_, std::abs(off));
        }
    }
    void into(Outcome& outcome) const {
        outcome.rms_us = count_ > 0 ? std::sqrt(sum_ / static_cast<double>(count_)) : 0;
        outcome.max_us = max_;
        outcome.scored = count_;
        outcome.digest = digest_;
    }

private:
    double sum_ = 0;
    double max_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t digest_ = 0xcbf29ce484222325ULL;
};

bool agree(const SimCluster& cluster) {
    for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
        if (!cluster.alive(i)) return false;
        if (cluster.slave(i).discipline().status() != ClockStatus::synchronized) return false;
    }
    return cluster.spread() < milliseconds{1};
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

namespace {

std::string tenths(double value) {
    const auto rounded = std::llround(value * 10);
    return std::to_string(rounded / 10) + "." + std::to_string(rounded % 10);
}

}  // namespace

Outcome run(const Scenario& scenario, std::uint64_t seed) {
    Prng prng(seed);
    SimCluster cluster(prng.next(), scenario.options);
    Invariants invariants(cluster);
    scenario.begin(cluster, prng, scenario);
    Score score;
    Outcome outcome;
    // We check an hour more coarsely than a minute, and every event in any case.
    const Duration tick = std::max(kScenarioTick, scenario.duration / 20'000);
    while (cluster.now() < after(scenario.duration)) {
        cluster.run_for(tick);
        invariants.check();
        score.look(cluster, invariants, cluster.now() > after(scenario.settle));
    }
    std::vector<double> bounds;
    for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
        if (!cluster.alive(i)) continue;
        bounds.push_back(static_cast<double>(cluster.slave(i).discipline().bound(cluster.raw(i)).count()) *
                         1e-3);
    }
    std::sort(bounds.begin(), bounds.end());
    if (!bounds.empty()) outcome.bound_p50_us = bounds[bounds.size() / 2];
    if (scenario.heal) {
        scenario.heal(cluster);
        const TrueTime deadline = cluster.now() + kRecovery;
        while (!agree(cluster) && cluster.now() < deadline) {
            cluster.run_for(tick);
            invariants.check();
            score.look(cluster, invariants, false);
        }
        outcome.recovered = agree(cluster);
    }
    score.into(outcome);
    outcome.violations = invariants.violations();
    outcome.violations_total = invariants.total();
    outcome.codec_failures = cluster.codec_failures();
    const auto rounds = to_ns(cluster.now()) / scenario.options.interval.count();
    outcome.node_rounds = static_cast<std::uint64_t>(rounds) * (cluster.size() - 1);
    return outcome;
}

std::vector<std::string> complaints(const Scenario& scenario, const Outcome& outcome) {
    std::vector<std::string> lines;
    for (const Violation& violation : outcome.violations) lines.push_back(to_string(violation));
    if (outcome.codec_failures > 0) lines.push_back("the codec changed a message");
    if (outcome.scored == 0) lines.push_back("no clock ever knew the time");
    if (!outcome.recovered) lines.push_back("the clocks did not agree again within 20 s after healing");
    const auto limit = [&](const char* what, double value, double allowed) {
        if (allowed <= 0 || value <= allowed) return;
        lines.push_back(std::string(what) + " error " + tenths(value) + " us, allowed " + tenths(allowed) +
                        " us");
    };
    limit("RMS", outcome.rms_us, scenario.limits.rms_us);
    limit("maximum", outcome.max_us, scenario.limits.max_us);
    return lines;
}

}  // namespace berkeley::sim
