// The configuration file: the options of the command line, in TOML.
#pragma once

#include <string>
#include <vector>

namespace berkeley {

class Command;

/// Returns the file's options as command line arguments, without the options that `command` was already
/// given. Throws a UsageError whose text names the file and, where known, the line and the option.
std::vector<std::string> read_config(const std::string& path, const Command& command);

}  // namespace berkeley
