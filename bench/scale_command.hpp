// The command line of berkeley-bench scale.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/scale.hpp"

namespace berkeley::bench {

CLI::App* add_scale(CLI::App& app, ScaleOptions& options, bool& json);

}  // namespace berkeley::bench
