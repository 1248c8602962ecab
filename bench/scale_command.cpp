#include "bench/scale_command.hpp"

namespace berkeley::bench {

CLI::App* add_scale(CLI::App& app, ScaleOptions& options, bool& json) {
    CLI::App* scale =
        app.add_subcommand("scale", "A round and its corrections with many slaves, next to bare libzmq");
    scale->add_option("--slaves", options.slaves, "How many; several sizes are measured one after the other")
        ->capture_default_str()
        ->delimiter(',')
        ->expected(1, static_cast<int>(kScaleSizesMax))
        ->check(CLI::Range(std::size_t{2}, kScaleSlavesMax));
    scale->add_option("--rounds", options.rounds, "Counted rounds of each lane and size")
        ->capture_default_str()
        ->check(CLI::Range(1U, kScaleRoundsMax));
    scale->add_flag("--json", json, "One JSON object instead of the table");
    scale->footer(
        "Rows, for each N, in microseconds:\n"
        "  round_N           one probe to each of N slaves: from before the first is sent until the last "
        "answer is\n"
        "                    received\n"
        "  publish_N         the corrections of that round: from before the first is sent until the last of "
        "N slaves\n"
        "                    has applied its own\n"
        "  libzmq_round_N    bare ROUTER to N DEALERs, as many bytes each way\n"
        "  libzmq_publish_N  bare XPUB to N SUBs: as many messages of as many bytes and topics\n"
        "The product's lane is its master (MasterCore, Transport, codec) and N of its slaves' cores, without "
        "files, log\n"
        "and election; the N slaves of a lane share one process and one loop, because the scheduler of one "
        "machine is\n"
        "not what is measured. All N are probed at once in both lanes (by the product up to 1024, the widest "
        "--window);\n"
        "a real master takes 32 at a time, several probes each, and spreads them over half of its interval "
        "on purpose.\n"
        "The lanes take turns, so trust the ratios (at p50) before the figures. Violations are rounds in "
        "which a probe\n"
        "or a correction was lost; with any the exit code is 1. The default takes about a minute.\n"
        "Examples:\n"
        "  berkeley-bench scale --slaves 32,256 --rounds 20\n"
        "  berkeley-bench scale --json | jq .ratios");
    return scale;
}

}  // namespace berkeley::bench
