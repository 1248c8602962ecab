#include "bench/estimator_command.hpp"

namespace berkeley::bench {

CLI::App* add_estimators(CLI::App& app, StudyOptions& options, bool& json) {
    CLI::App* estimators =
        app.add_subcommand("estimators", "The estimator and its rivals, offline, in virtual time");
    estimators
        ->add_option("--trace", options.traces, "Replay what latency --record wrote, too; may be repeated")
        ->option_text("FILE");
    estimators->add_option("--seeds", options.seeds, "Runs of each scenario")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kStudySeedsMax));
    estimators->add_flag("--json", json, "One JSON object instead of the table");
    estimators->footer(
        "Rows, scenario/estimator: how far the estimated offset is off at the end of a burst, in "
        "microseconds.\n"
        "  plain, minimum, burst_median   one offset a burst: its last probe, its fastest, the product's "
        "choice\n"
        "  regression, weighted_regression, envelope   lines through the last 16 or 32 bursts\n"
        "  kalman                         the product's, as it ships\n"
        "Ratios: the RMS of each over that of kalman; above 1 the product is better.\n"
        "All see the same samples; a seed gives the same run everywhere.");
    return estimators;
}

}  // namespace berkeley::bench
