#include "bench/takeover_command.hpp"

#include "cli/option_kinds.hpp"

namespace berkeley::bench {

namespace {

using namespace std::chrono_literals;

constexpr Duration kTimeMax = 1h;

}  // namespace

CLI::App* add_takeover(CLI::App& app, TakeoverOptions& options, bool& json) {
    CLI::App* takeover = app.add_subcommand("takeover", "Kills the master of a real cluster again and again");
    takeover->add_option("--kills", options.kills, "Of each profile")
        ->capture_default_str()
        ->check(CLI::Range(1U, kKillsMax));
    takeover->add_option("--slaves", options.slaves, "Beside the two candidates")
        ->capture_default_str()
        ->check(CLI::Range(1U, 1000U));
    add_duration(*takeover, "--interval", options.interval, {50ms, kTimeMax}, "Between two rounds");
    add_duration(*takeover, "--settle", options.settle, {2s, kTimeMax},
                 "From the return of a killed node to the next kill");
    takeover->add_option("--seed", options.seed, "Of clocks and phases")->capture_default_str();
    takeover
        ->add_option_function<std::string>(
            "--profile",
            [&options](const std::string& name) {
                options.default_profile = name != "fast";
                options.fast_profile = name != "default";
            },
            "Timers: default (100 ms, 500 ms), fast (20 ms, 100 ms) or both")
        ->check(CLI::IsMember({"default", "fast", "both"}));
    takeover->add_flag("--json", json, "One JSON object instead of the table");
    takeover->footer(
        "Rows, from kill -9 of the master on:\n"
        "  first_heartbeat_*   until the standby leads (ms)\n"
        "  first_correction_*  until each slave has applied a correction of the new term (ms)\n"
        "  spread_before_*     the widest difference of the clocks that live on in the 2 s before each kill "
        "(us)\n"
        "  spread_through_*    the same in the 2 s after it\n"
        "Ratios: the fast profile's times over the default one's, its baseline in the same run, and the "
        "spread\n"
        "through a takeover over the spread before it (at p50; _p99: at p99).\n"
        "Violations: slaves that got no correction, clocks that were stepped, bounds that did not hold.\n"
        "A kill takes about 12 s; 50 of both profiles 20 minutes.");
    return takeover;
}

}  // namespace berkeley::bench
