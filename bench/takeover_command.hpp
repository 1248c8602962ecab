// The command line of berkeley-bench takeover.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/takeover.hpp"

namespace berkeley::bench {

/// `options` and `json` outlive the parsing.
CLI::App* add_takeover(CLI::App& app, TakeoverOptions& options, bool& json);

}  // namespace berkeley::bench
