// The options that name key files, the same for all programs. common/keys reads the keys themselves.
#pragma once

#include "base/key_files.hpp"

namespace berkeley {

class Command;

/// Adds them to `command`. `target` outlives it.
void add_key_options(Command& command, KeyFiles& target, KeyUse use);

}  // namespace berkeley
