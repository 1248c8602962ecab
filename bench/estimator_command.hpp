// The command line of berkeley-bench estimators.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/estimator_study.hpp"

namespace berkeley::bench {

CLI::App* add_estimators(CLI::App& app, StudyOptions& options, bool& json);

}  // namespace berkeley::bench
