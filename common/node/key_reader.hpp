// key_reader: how a program hands its way of reading keys to its command line, which knows no keys.
// Stateless.
#pragma once

#include <optional>

#include "cli/options.hpp"
#include "keys/credentials.hpp"

namespace berkeley {

/// Reads the keys that the options name into `credentials`, which outlives the result; for parse_*_options().
KeyOwner key_reader(std::optional<Credentials>& credentials);

}  // namespace berkeley
