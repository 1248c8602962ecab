#include <benchmark/benchmark.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <functional>
#include <msgpack.hpp>
#include <utility>

#include "base/prng.hpp"
#include "bench/benchmarks.hpp"
#include "estimate/average.hpp"
#include "tests/unit/example_messages.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

constexpr std::size_t kClocks = 10'000;
constexpr std::size_t kRepetitions = 100;
/// A few more, in which Google Benchmark finds out how many iterations make a repetition.
constexpr std::size_t kRunsOfEach = kRepetitions + 3;

void encode_benchmark(benchmark::State& state, const Message& message) {
    Encoded encoded;
    for (auto _ : state) {
        encode(message, encoded);
        benchmark::DoNotOptimize(encoded.bytes.data());
        benchmark::ClobberMemory();
    }
    state.counters["bytes"] = static_cast<double>(encoded.bytes.size());
}

void decode_benchmark(benchmark::State& state, const Message& message) {
    Encoded encoded;
    encode(message, encoded);
    Message decoded;
    for (auto _ : state) {
        if (decode(encoded.bytes, message.header.cluster, decoded)) {
            state.SkipWithError("a message of ours was not understood");
            break;
        }
        benchmark::DoNotOptimize(decoded);
    }
    if (decoded != message) state.SkipWithError("a message came back changed");
}

/// The same bytes into msgpack's own objects: nothing is checked or named.
void msgpack_decode_benchmark(benchmark::State& state, const Message& message) {
    Encoded encoded;
    encode(message, encoded);
    const auto* bytes = reinterpret_cast<const char*>(encoded.bytes.data());
    for (auto _ : state) {
        const msgpack::object_handle handle = msgpack::unpack(bytes, encoded.bytes.size());
        benchmark::DoNotOptimize(handle.get());
    }
}

void msgpack_encode_benchmark(benchmark::State& state, const Message& message) {
    Encoded encoded;
    encode(message, encoded);
    const msgpack::object_handle handle =
        msgpack::unpack(reinterpret_cast<const char*>(encoded.bytes.data()), encoded.bytes.size());
    msgpack::sbuffer buffer;
    for (auto _ : state) {
        buffer.clear();
        msgpack::pack(buffer, handle.get());
        benchmark::DoNotOptimize(buffer.data());
        benchmark::ClobberMemory();
    }
}

/// Clocks that agree to microseconds, and one in ten that is seconds off.
std::vector<Contribution> many_clocks() {
    Prng prng{1};
    std::vector<Contribution> clocks(kClocks);
    for (std::size_t i = 0; i < kClocks; ++i) {
        const double spread_ns = i % 10 == 0 ? 5e9 : 5e3;
        clocks[i].offset = Duration{static_cast<std::int64_t>(prng.uniform(-spread_ns, spread_ns))};
        clocks[i].half_width = Duration{static_cast<std::int64_t>(prng.uniform(50e3, 150e3))};
    }
    return clocks;
}

void average_benchmark(benchmark::State& state) {
    const std::vector<Contribution> clocks = many_clocks();
    for (auto _ : state) {
        const Average average = fault_tolerant_average(clocks);
        if (average.split) state.SkipWithError("clocks that agree were held to be split");
        benchmark::DoNotOptimize(average.value);
    }
}

void cold_average_benchmark(benchmark::State& state) {
    const std::vector<Contribution> clocks = many_clocks();
    for (auto _ : state) benchmark::DoNotOptimize(cold_start_average(clocks).value);
}

void sort_benchmark(benchmark::State& state) {
    const std::vector<Contribution> clocks = many_clocks();
    for (auto _ : state) {
        std::vector<std::int64_t> offsets;
        offsets.reserve(clocks.size());
        for (const Contribution& clock : clocks) offsets.push_back(clock.offset.count());
        std::sort(offsets.begin(), offsets.end());
        benchmark::DoNotOptimize(offsets.data());
    }
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return result;
}

using Body = std::function<void(benchmark::State&)>;

/// All benchmarks, by name; each calls `tick` whenever it is run.
std::size_t register_all(const std::function<void()>& tick) {
    std::size_t count = 0;
    const auto add = [&](const std::string& name, Body body) {
        ++count;
        return benchmark::RegisterBenchmark(name.c_str(),
                                            [tick, body = std::move(body)](benchmark::State& state) {
                                                tick();
                                                body(state);
                                            });
    };
    for (const auto& [type, message] : testing::example_messages()) {
        const auto with = [&message = message](void (*body)(benchmark::State&, const Message&)) -> Body {
            return [body, message](benchmark::State& state) { body(state, message); };
        };
        const std::string name = lower(type);
        add("encode_" + name, with(encode_benchmark));
        add("msgpack_encode_" + name, with(msgpack_encode_benchmark));
        add("decode_" + name, with(decode_benchmark));
        add("msgpack_decode_" + name, with(msgpack_decode_benchmark));
    }
    const std::string clocks = std::to_string(kClocks);
    add("average_" + clocks, average_benchmark)->Unit(benchmark::kMicrosecond);
    add("cold_average_" + clocks, cold_average_benchmark)->Unit(benchmark::kMicrosecond);
    add("sort_" + clocks, sort_benchmark)->Unit(benchmark::kMicrosecond);
    return count;
}

/// Makes a row of each benchmark's repetitions.
class RowReporter final : public benchmark::BenchmarkReporter {
public:
    explicit RowReporter(Report& report) : report_(report) {}

    bool ReportContext(const Context&) override { return true; }

    void ReportRuns(const std::vector<Run>& runs) override {
        if (runs.empty() || runs.front().run_type != Run::RT_Iteration)
            return;  // or Google's own means of them
        Samples samples;
        for (const Run& run : runs) {
            if (run.error_occurred) {
                std::fprintf(stderr, "%s: %s\n", run.run_name.function_name.c_str(),
                             run.error_message.c_str());
                ++report_.violations;
            } else {
                samples.add(run.GetAdjustedRealTime());
            }
        }
        report_.rows.push_back(samples.row(runs.front().run_name.function_name,
                                           benchmark::GetTimeUnitString(runs.front().time_unit)));
    }

private:
    Report& report_;
};

/// How many benchmarks ran.
std::size_t run_for_json() {
    Report report;
    report.bench = "codec";
    RowReporter reporter(report);
    std::uint64_t ticks = 0;
    Progress* bar = nullptr;
    const std::size_t count = register_all([&] {
        if (bar != nullptr) bar->update(++ticks);
    });
    std::size_t run = 0;
    {
        Progress progress("codec", count * kRunsOfEach);
        bar = &progress;
        run = benchmark::RunSpecifiedBenchmarks(&reporter);
    }
    // They come in the order in which they happened to end.
    std::sort(report.rows.begin(), report.rows.end(),
              [](const Row& a, const Row& b) { return a.name < b.name; });
    report.machine = machine_facts({});
    for (const auto& [type, message] : testing::example_messages()) {
        for (const char* what : {"encode_", "decode_"}) {
            add_ratio(report, what + lower(type), std::string("msgpack_") + what + lower(type));
        }
    }
    const std::string clocks = std::to_string(kClocks);
    add_ratio(report, "average_" + clocks, "sort_" + clocks);
    add_ratio(report, "cold_average_" + clocks, "sort_" + clocks);
    std::printf("%s\n", as_json(report).c_str());
    return run;
}

}  // namespace

int run_codec(const std::vector<std::string>& arguments, bool json) {
    std::vector<std::string> words{"berkeley-bench codec"};
    if (json) {
        // Short, many, and in turns: the machine's noise hits all alike. What the user gives comes later and
        // wins.
        words.push_back("--benchmark_repetitions=" + std::to_string(kRepetitions));
        words.emplace_back("--benchmark_min_time=0.001");
        words.emplace_back("--benchmark_enable_random_interleaving=true");
    }
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int argc = static_cast<int>(words.size());
    benchmark::Initialize(&argc, argv.data());
    if (benchmark::ReportUnrecognizedArguments(argc, argv.data())) return 2;

    std::size_t run = 0;
    if (json) {
        run = run_for_json();
    } else {
        register_all([] {});
        run = benchmark::RunSpecifiedBenchmarks();
    }
    benchmark::Shutdown();
    if (run == 0) return 2;
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace berkeley::bench
