// berkeley-bench: how fast and how good the product is on this machine, next to what it is built upon.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/codec_bench.hpp"
#include "bench/latency.hpp"

namespace berkeley::bench {
namespace {

int usage_error(const std::string& line) {
    std::fprintf(stderr, "berkeley-bench: %s\n", line.c_str());
    return 2;
}

int print(const Result<Report>& report, bool json) {
    if (!report) {
        std::fprintf(stderr, "berkeley-bench: %s\n", report.error().c_str());
        return 1;
    }
    const std::string text = json ? as_json(*report) + "\n" : as_table(*report);
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
    CLI::App app{"Measures Berkeley on this machine, next to what it is built upon.", "berkeley-bench"};
    app.set_version_flag("--version", "berkeley-bench " BERKELEY_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  berkeley-bench latency                        a table, in microseconds\n"
        "  berkeley-bench latency --json | jq .ratios    for scripts\n"
        "  berkeley-bench codec\n"
        "Build with optimisation (cmake --preset release), and leave the machine alone meanwhile.\n"
        "Exit codes: 0 measured, 1 could not measure, 2 bad usage.");

    bool json = false;
    LatencyOptions latency_options;
    CLI::App* latency =
        app.add_subcommand("latency", "Round trips of a poll, next to bare libzmq and bare TCP");
    latency->add_option("--count", latency_options.count, "Counted probes of each path")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kLatencyCountMax));
    latency->add_flag("--json", json, "One JSON object instead of the table");
    latency->footer(
        "Rows, each the round trip of a probe in microseconds:\n"
        "  poll_*    the product: POLL encoded, sent, answered by a real slave, REPLY decoded\n"
        "  libzmq_*  bare ROUTER and DEALER with as many bytes each way\n"
        "  raw_tcp   bare blocking TCP sockets with as many bytes each way\n"
        "  *_tcp and *_ipc go to another process, *_inproc to another thread.\n"
        "The paths take turns in short blocks within the run, so trust the ratios (at p50; _p99: at p99) "
        "before\n"
        "the figures: noise of the machine hits all paths alike. Each end has its own half of the CPUs.\n"
        "Violations are probes without an answer.");

    CLI::App* codec = app.add_subcommand("codec", "Encoding and decoding of POLL, REPLY and CORRECTION");
    codec->add_flag("--json", json, "Short for --benchmark_format=json");
    codec->allow_extras();
    codec->footer(
        "Further options go to Google Benchmark, such as\n"
        "  --benchmark_filter=reply  --benchmark_repetitions=5  --benchmark_min_time=0.2");

    // CLI11 would only say that some argument was not expected.
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first.empty()) return usage_error("name a benchmark: latency or codec (see berkeley-bench --help)");
    if (first.front() != '-' && first != latency->get_name() && first != codec->get_name()) {
        return usage_error("'" + std::string(first) + "' is no benchmark: latency and codec are allowed");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return usage_error(std::string(error.what()) + " (see berkeley-bench --help)");
    }
    if (codec->parsed()) return run_codec(codec->remaining(), json);
    return print(run_latency(latency_options), json);
}

}  // namespace
}  // namespace berkeley::bench

int main(int argc, char** argv) { return berkeley::bench::run(argc, argv); }
