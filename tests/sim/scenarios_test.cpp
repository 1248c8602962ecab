// Every scenario, many seeds: no invariant broken, the limits kept, and agreement again after healing.
// tests/seeds.hpp says how many; a failure prints its seed, and the command beside it repeats it.

#include "sim/scenarios.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/seeds.hpp"

namespace berkeley::sim {
namespace {

/// Simulations only compute: they leave the processors to the tests beside them, which keep deadlines.
[[maybe_unused]] const int kNice = ::nice(10);

DelayTrace recorded(const std::string& name) {
    std::ifstream file(BERKELEY_SOURCE_DIR "/sim/traces/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    auto trace = parse_trace(text.str());
    if (!trace) throw std::runtime_error(name + ": " + trace.error());
    return std::move(*trace);
}

const std::vector<Scenario>& all_scenarios() {
    static const DelayTrace idle = recorded("loopback_idle.txt");
    static const DelayTrace loaded = recorded("loopback_loaded.txt");
    static const std::vector<Scenario> all = scenarios(&idle, &loaded);
    return all;
}

/// What a scenario needs that replays one, as the bench's options.
std::string recordings(std::string_view scenario) {
    const std::string traces = BERKELEY_SOURCE_DIR "/sim/traces/";
    if (scenario == "recorded-idle") return " --idle-delays " + traces + "loopback_idle.txt";
    if (scenario == "recorded-loaded") return " --loaded-delays " + traces + "loopback_loaded.txt";
    return {};
}

class Scenarios : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Scenarios, HoldsForEverySeed) {
    const Scenario& scenario = all_scenarios().at(GetParam());
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t node_rounds = 0;
    for (std::uint64_t seed = 1; seed <= test::seeds(); ++seed) {
        const Outcome outcome = run(scenario, seed);
        node_rounds += outcome.node_rounds;
        EXPECT_GT(outcome.node_rounds, 0U);
        for (const std::string& line : complaints(scenario, outcome)) {
            ADD_FAILURE() << scenario.name << ", seed " << seed << ": " << line
                          << "\n  berkeley-bench simulate" << recordings(scenario.name) << " --scenario "
                          << scenario.name << " --seed " << seed << " repeats it";
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::cout << scenario.name << ": " << test::seeds() << " seeds, "
              << static_cast<double>(node_rounds) / took.count() << " node-rounds/s\n";
}

TEST_P(Scenarios, TheSameSeedGivesTheSameRunAndAnotherSeedAnother) {
    const Scenario& scenario = all_scenarios().at(GetParam());
    if (scenario.name == "holdover") return;  // an hour, the same code
    const Outcome first = run(scenario, 7);
    EXPECT_EQ(first.digest, run(scenario, 7).digest);
    EXPECT_NE(first.digest, run(scenario, 8).digest);
}

std::string test_name(const ::testing::TestParamInfo<std::size_t>& info) {
    std::string name(all_scenarios().at(info.param).name);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, ::testing::Range(std::size_t{0}, all_scenarios().size()), test_name);

}  // namespace
}  // namespace berkeley::sim
