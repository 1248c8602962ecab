#include "bench/accuracy_command.hpp"

#include <fmt/format.h>

#include "cli/option_kinds.hpp"

namespace berkeley::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSlavesMax = 64;
constexpr std::uint32_t kBurstMin = 3;  // two warm up the path
constexpr std::uint32_t kBurstMax = 64;
constexpr Duration kTimeMax = 1h;

}  // namespace

CLI::App* add_accuracy(CLI::App& app, AccuracyOptions& options, bool& json) {
    CLI::App* accuracy = app.add_subcommand(
        "accuracy", "How far apart the clocks of a cluster truly are, next to simpler methods");
    accuracy->add_option("--slaves", options.cluster.slaves, "Slaves beside the one master")
        ->capture_default_str()
        ->check(CLI::Range(std::uint32_t{1}, kSlavesMax));
    add_duration(*accuracy, "--interval", options.cluster.interval, {50ms, 60s}, "Time from round to round");
    accuracy->add_option("--burst", options.cluster.burst, "Probes of a slave in a round")
        ->capture_default_str()
        ->check(CLI::Range(kBurstMin, kBurstMax));
    add_duration(*accuracy, "--settle", options.settle, {0s, kTimeMax},
                 "Wait this long once all are SYNCHRONIZED");
    add_duration(*accuracy, "--duration", options.duration, {1s, kTimeMax},
                 "Measure this long idle, and again loaded");
    accuracy->add_option("--seed", options.cluster.seed, "Of the injected errors")->capture_default_str();
    accuracy->add_flag("--with-chrony", options.with_chrony,
                       "Also two chronyd in networks of their own (needs root; no clock is touched)");
    accuracy
        ->add_option("--plot", options.plot,
                     "Draw the clocks over time into this file, or FILE.png (needs gnuplot)")
        ->type_name("FILE.svg");
    accuracy->add_flag("--json", json, "One JSON object instead of the table");
    accuracy->footer(
        "Starts real processes over loopback whose clocks are up to 3 h wrong and drift by up to 50 ppm, "
        "and\n"
        "compares them with the clock that they all share. The machine's own clock is never touched.\n\n"
        "Rows, in microseconds unless said otherwise; idle, and loaded with two processes that spin:\n"
        "  spread_*           between the two clocks furthest apart, master included, at one instant\n"
        "  offset_*           between each slave and the master\n"
        "  bound_*            error that the slaves' pages promise not to exceed: (latest - earliest) / 2\n"
        "  single_cristian_*  error of one Cristian measurement a round, by a bare ROUTER and DEALER\n"
        "  tutorial_idle      error of a clock set to a received time with no allowance for the way\n"
        "  chrony_idle        error of a chronyd that follows another one, asking every 250 ms; it stamps "
        "in\n"
        "                     the kernel, where waking up a process costs nothing\n"
        "  clock_read         berkeley_clock_now(), and clock_gettime of the raw clock, in nanoseconds\n"
        "  first_convergence  the round in which all clocks, hours apart before, came within 1 ms\n"
        "Whether the idle half was idle is told by 'load': by itself the cluster keeps few CPUs busy.\n"
        "All methods run at the same time, so trust the ratios (at p50; _p99: at p99) before the figures.\n"
        "A spread is the worst pair of all clocks, while the other methods are judged by one clock alone, "
        "as\n"
        "offset_* is.\n"
        "Violations are instants at which two clocks were further apart than their bounds allow, or a slave\n"
        "and the master than the slave's, and clocks that left SYNCHRONIZED; none is right.\n\n"
        "Examples:\n"
        "  berkeley-bench accuracy\n"
        "  berkeley-bench accuracy --slaves 3 --settle 10s --duration 10s --json | jq .ratios\n"
        "  sudo berkeley-bench accuracy --with-chrony --plot accuracy.svg");
    return accuracy;
}

}  // namespace berkeley::bench
