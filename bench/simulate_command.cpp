#include "bench/simulate_command.hpp"

namespace berkeley::bench {

CLI::App* add_simulate(CLI::App& app, SimulateOptions& options, bool& json) {
    CLI::App* simulate =
        app.add_subcommand("simulate", "The programs' cores in virtual time: faults, networks, clocks");
    CLI::Option* scenario = simulate->add_option("--scenario", options.scenario, "Only this one; see --list")
                                ->option_text("NAME");
    simulate->add_option("--seeds", options.seeds, "Runs of each scenario")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kSeedsMax));
    simulate
        ->add_option_function<std::uint64_t>(
            "--seed",
            [&options](std::uint64_t seed) {
                options.first_seed = seed;
                options.seeds = 1;
            },
            "Only this run; it repeats bit for bit")
        ->option_text("N");
    simulate
        ->add_option("--idle-delays", options.idle_trace,
                     "Replay what latency --record wrote on an idle machine")
        ->option_text("FILE");
    simulate->add_option("--loaded-delays", options.loaded_trace, "The same of a machine under load")
        ->option_text("FILE");
    CLI::Option* slaves =
        simulate->add_option("--slaves", options.slaves, "No scenario: one cluster of so many slaves")
            ->option_text("N")
            ->check(CLI::Range(1U, kSimulatedSlavesMax))
            ->excludes(scenario);
    simulate->add_option("--rounds", options.rounds, "Its rounds")
        ->capture_default_str()
        ->needs(slaves)
        ->check(CLI::Range(1U, kSimulatedRoundsMax));
    simulate->add_flag("--json", json, "One JSON object instead of the table");
    simulate->add_flag_callback(
        "--list",
        [] {
            std::fputs(scenario_list().c_str(), stdout);
            throw CLI::Success{};
        },
        "Names and conditions of the scenarios");
    simulate->footer(
        "Every run asserts at every tick that no clock is further off than its bound, none runs back, no\n"
        "correction is applied twice, and so on; after faults all must agree again within 20 s. Rows, over "
        "the\n"
        "seeds: RMS and maximum error against the master after settling, and the bound at the end (us).\n"
        "Violations are runs that broke a promise or the scenario's limit: each is told with its seed.");
    return simulate;
}

}  // namespace berkeley::bench
