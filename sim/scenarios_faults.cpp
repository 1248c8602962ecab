// Scenarios with faults: of slaves and masters, of links, and of elections.

#include <iterator>
#include <utility>

#include "sim/scenario_parts.hpp"

namespace berkeley::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

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
        "machines-stall", "virtual machines stand still for up to 4 s, the master's too, and nobody is told",
        [](SimCluster& c, Prng& prng, const Scenario& s) {
            for (int i = 0; i < 5; ++i) {
                const std::string slave = slave_name(static_cast<int>(prng.below(6)));
                const std::string id = prng.below(3) == 0 ? slave : prng.below(3) == 0 ? "m2" : "m1";
                const Duration little = random(prng, milliseconds{2}, milliseconds{400});
                // A slave's clock that is a little late is slewed for minutes.
                const Duration much = random(prng, milliseconds{150}, seconds{4});
                const bool any = prng.below(2) == 0;
                const TrueTime when =
                    after(s.settle) + seconds{10 * i} + random(prng, Duration{0}, seconds{2});
                c.at(when, [&c, id, nap = any ? little : much, much] {
                    const bool leads =
                        c.candidate(c.index(id)) != nullptr && c.candidate(id).election().leads();
                    if (c.alive(id) && !c.sleeping(c.index(id))) c.stall(id, leads ? nap : much);
                });
            }
        }));
    all.back().duration = seconds{60};
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

namespace {

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

}  // namespace

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

}  // namespace berkeley::sim
