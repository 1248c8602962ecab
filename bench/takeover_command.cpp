#include "bench/takeover_command.hpp"

#include "base/duration_text.hpp"

namespace berkeley::bench {

CLI::App* add_takeover(CLI::App& app, TakeoverOptions& options, bool& json) {
    CLI::App* takeover = app.add_subcommand("takeover", "Kills the master of a real cluster again and again");
    takeover->add_option("--kills", options.kills, "Of each profile")
        ->capture_default_str()
        ->check(CLI::Range(1U, kKillsMax));
    takeover->add_option("--slaves", options.slaves, "Beside the two candidates")
        ->capture_default_str()
        ->check(CLI::Range(1U, 1000U));
    takeover->add_option_function<std::string>(
        "--interval",
        [&options](const std::string& text) {
            const auto interval = parse_duration(text);
            if (!interval) throw CLI::ValidationError("--interval", interval.error());
            options.interval = *interval;
        },
        "Between two rounds [" + duration_literal(options.interval) + "]");
    takeover->add_option("--seed", options.seed, "Of clocks and phases")->capture_default_str();
    takeover->add_option_function<std::string>(
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
        "  spread_through_*    the widest difference of the living clocks in the 2 s after each kill (us)\n"
        "Violations: slaves that got no correction, clocks that were stepped, bounds that did not hold.\n"
        "A kill takes about 4 s; 50 of both profiles 7 minutes.");
    return takeover;
}

}  // namespace berkeley::bench
