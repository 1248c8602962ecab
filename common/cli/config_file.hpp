// The configuration file: the options of the command line, in TOML.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace berkeley {

/// Returns the file's options as command line arguments, without the options that `app` was already given.
/// Throws CLI::ValidationError, whose text names the file and, where known, the line and the option.
std::vector<std::string> read_config(const std::string& path, CLI::App& app);

}  // namespace berkeley
