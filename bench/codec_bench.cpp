#include "bench/codec_bench.hpp"

#include <benchmark/benchmark.h>

#include "discipline/discipline.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

/// Values as they are in a long run: their width on the wire, and with it the cost, depends on their size.
constexpr Term kTerm = 3;
constexpr Round kRound = 100'000;
constexpr RawTime kNow{std::chrono::hours{1000}};
constexpr ClusterTime kToday{std::chrono::hours{24 * 365 * 56}};
constexpr std::uint64_t kRandom = 0x9e3779b97f4a7c15U;

Message message_of(Body body) { return {{node_id("default"), node_id("node-17"), kTerm}, std::move(body)}; }

Message poll_message() { return message_of(Poll{kRound, 5, kRandom}); }

Message reply_message() {
    Reply reply;
    reply.round = kRound;
    reply.probe = 5;
    reply.token = kRandom;
    reply.generation = kRandom;
    reply.t2 = kNow;
    reply.t3 = kNow + std::chrono::microseconds{20};
    reply.map = {kNow - std::chrono::seconds{1}, kToday, -12'345, Duration{-1'234}, 500'000};
    reply.bound = std::chrono::microseconds{84};
    reply.status = ClockStatus::synchronized;
    reply.applied_term = kTerm;
    reply.applied_round = kRound - 1;
    return message_of(reply);
}

Message correction_message() {
    Correction correction;
    correction.round = kRound;
    correction.target = node_id("node-18");
    correction.generation = kRandom;
    correction.basis_term = kTerm;
    correction.basis_round = kRound - 1;
    correction.measured_at = kNow;
    correction.correction = Duration{-3'100};
    correction.freq_ppb = -12;
    correction.bound = std::chrono::microseconds{84};
    return message_of(correction);
}

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

}  // namespace

int run_codec(const std::vector<std::string>& arguments, bool json) {
    std::vector<std::string> words{"berkeley-bench codec"};
    if (json) words.emplace_back("--benchmark_format=json");
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int argc = static_cast<int>(words.size());
    benchmark::Initialize(&argc, argv.data());
    if (benchmark::ReportUnrecognizedArguments(argc, argv.data())) return 2;

    const auto add = [](const std::string& name, const Message& message) {
        benchmark::RegisterBenchmark(("encode_" + name).c_str(), encode_benchmark, message);
        benchmark::RegisterBenchmark(("decode_" + name).c_str(), decode_benchmark, message);
    };
    add("poll", poll_message());
    add("reply", reply_message());
    add("correction", correction_message());
    const std::size_t run = benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return run > 0 ? 0 : 2;
}

}  // namespace berkeley::bench
