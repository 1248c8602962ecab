// berkeley-bench: how fast and how good the product is on this machine, next to what it is built upon.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/accuracy_command.hpp"
#include "bench/codec_bench.hpp"
#include "bench/estimator_command.hpp"
#include "bench/latency.hpp"
#include "bench/record.hpp"
#include "bench/scale_command.hpp"
#include "bench/simulate_command.hpp"
#include "bench/takeover_command.hpp"
#include "cli/option_kinds.hpp"

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

void add_record_options(CLI::App& latency, RecordOptions& options) {
    CLI::Option* record = latency.add_option(
        "--record", options.file, "Record one-way delays of poll_tcp into this file instead, as in real use");
    latency.add_option("--record-bursts", options.bursts, "Bursts of 8 probes")
        ->needs(record)
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kRecordBurstsMax));
    add_duration(latency, "--record-gap", options.gap, {Duration{0}, kRecordGapMax},
                 "Idle between two bursts")
        ->needs(record);
    latency.add_flag("--record-load", options.load, "While two processes spin")->needs(record);
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
        "  berkeley-bench accuracy                       real processes, a minute and a half\n"
        "  berkeley-bench scale                          rounds of 32, 256 and 1024 slaves, a minute\n"
        "  berkeley-bench simulate --seeds 100           faults in virtual time; exit code 1 where one "
        "shows\n"
        "Build with optimisation (cmake --preset release), and leave the machine alone meanwhile.\n"
        "Exit codes: 0 measured, 1 could not measure, or violations in simulate or scale, 2 bad usage.");

    bool json = false;
    LatencyOptions latency_options;
    CLI::App* latency =
        app.add_subcommand("latency", "Round trips of a poll, next to bare libzmq and bare TCP");
    latency->add_option("--count", latency_options.count, "Counted probes of each path")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kLatencyCountMax));
    latency->add_flag("--curve")->description("Changes nothing: poll_tcp_curve is always measured");
    latency->add_flag("--json", json, "One JSON object instead of the table");
    RecordOptions record_options;
    add_record_options(*latency, record_options);
    latency->footer(
        "Rows, each the round trip of a probe in microseconds:\n"
        "  poll_*    the product: POLL encoded, sent, answered by a real slave, REPLY decoded\n"
        "  poll_tcp_curve  the same with keys: encrypted and authenticated\n"
        "  libzmq_*  bare ROUTER and DEALER with as many bytes each way\n"
        "  raw_tcp   bare blocking TCP sockets with as many bytes each way\n"
        "  *_tcp and *_ipc go to another process, *_inproc to another thread.\n"
        "The paths take turns in short blocks within the run, so trust the ratios (at p50; _p99: at p99) "
        "before\n"
        "the figures: noise of the machine hits all paths alike. Each end has its own half of the CPUs.\n"
        "Violations are probes without an answer.");

    CLI::App* codec =
        app.add_subcommand("codec", "Encoding and decoding of each message; the average of 10000 clocks");
    codec->add_flag("--json", json, "One JSON object instead of the table, over 100 repetitions");
    codec->allow_extras();
    codec->footer(
        "Rows: encode_* and decode_* of each kind of message (ns), msgpack_* the same bytes from and into "
        "bare msgpack's\n"
        "objects, which checks and names nothing; average_10000 and cold_average_10000 the fault-tolerant "
        "and the cold\n"
        "start's average of 10000 clocks (us), sort_10000 the sorting of their offsets. Ratios are to those "
        "two.\n"
        "Violations are messages that came back changed.\n"
        "Further options go to Google Benchmark, such as\n"
        "  --benchmark_filter=reply  --benchmark_repetitions=5  --benchmark_min_time=0.2");

    AccuracyOptions accuracy_options;
    CLI::App* accuracy = add_accuracy(app, accuracy_options, json);

    SimulateOptions simulate_options;
    const CLI::App* simulate = add_simulate(app, simulate_options, json);

    StudyOptions study_options;
    const CLI::App* estimators = add_estimators(app, study_options, json);

    TakeoverOptions takeover_options;
    const CLI::App* takeover = add_takeover(app, takeover_options, json);

    ScaleOptions scale_options;
    const CLI::App* scale = add_scale(app, scale_options, json);

    // CLI11 would only say that some argument was not expected.
    const std::string_view first = argc > 1 ? argv[1] : "";
    const std::string allowed =
        "latency, accuracy, takeover, scale, simulate, codec and estimators are allowed";
    const auto known = app.get_subcommands([](const CLI::App*) { return true; });
    const auto named = [&](const CLI::App* bench) { return first == bench->get_name(); };
    if (first.empty()) return usage_error("name a benchmark: " + allowed + " (see berkeley-bench --help)");
    if (first.front() != '-' && std::none_of(known.begin(), known.end(), named)) {
        return usage_error("'" + std::string(first) + "' is no benchmark: " + allowed);
    }
    const std::initializer_list<std::string_view> options{"-h", "--help", "--version"};
    if (first.front() == '-' && std::find(options.begin(), options.end(), first) == options.end()) {
        return usage_error("'" + std::string(first) +
                           "' is not allowed here: --help, --version or a benchmark, with "
                           "its options after it");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return usage_error(std::string(error.what()) + " (see berkeley-bench --help)");
    }
    if (accuracy->parsed()) {
        if (const auto there = check_accuracy(accuracy_options); !there) return usage_error(there.error());
        return print(run_accuracy(accuracy_options), json);
    }
    if (takeover->parsed()) return print(run_takeover(takeover_options), json);
    if (scale->parsed()) {
        if (const auto there = check_scale(scale_options); !there) return usage_error(there.error());
        const auto report = run_scale(scale_options);
        const int code = print(report, json);
        if (code != 0 || report->violations == 0) return code;
        std::fprintf(stderr, "berkeley-bench: %llu rounds were lost; the first: %s\n",
                     static_cast<unsigned long long>(report->violations), report->cause.c_str());
        return 1;
    }
    if (simulate->parsed()) {
        if (const auto there = check_simulate(simulate_options); !there) return usage_error(there.error());
        const auto report = run_simulate(simulate_options);
        const int code = print(report, json);
        return code == 0 && report->violations > 0 ? 1 : code;
    }
    if (estimators->parsed()) return print(run_estimators(study_options), json);
    if (codec->parsed()) return run_codec(codec->remaining(), json);
    if (!record_options.file.empty()) return print(run_record(record_options), json);
    return print(run_latency(latency_options), json);
}

}  // namespace
}  // namespace berkeley::bench

int main(int argc, char** argv) { return berkeley::bench::run(argc, argv); }
