// The configuration file: the options of the command line, in TOML.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace berkeley {

/// The file as command line arguments, without what `app` was given already. Throws CLI::ValidationError,
/// whose text names the file, and where it can the line and the option.
std::vector<std::string> read_config(const std::string& path, CLI::App& app);

}  // namespace berkeley
