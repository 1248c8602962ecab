// The command line of berkeley-bench simulate.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/simulate.hpp"

namespace berkeley::bench {

CLI::App* add_simulate(CLI::App& app, SimulateOptions& options, bool& json);

}  // namespace berkeley::bench
