// The command line of `berkeley-bench accuracy`.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/accuracy.hpp"

namespace berkeley::bench {

/// `options` and `json` outlive the parsing.
CLI::App* add_accuracy(CLI::App& app, AccuracyOptions& options, bool& json);

}  // namespace berkeley::bench
