// The options that name key files, the same for all programs. common/keys reads the keys themselves.
#pragma once

#include "base/key_files.hpp"

namespace CLI {
class App;
}

namespace berkeley {

/// Adds them to `app`. `target` outlives the app.
void add_key_options(CLI::App& app, KeyFiles& target, KeyUse use);

}  // namespace berkeley
