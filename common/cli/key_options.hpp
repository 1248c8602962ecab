// The options that name key files, the same for all programs. The keys themselves are read by common/keys.
#pragma once

#include "base/key_files.hpp"

namespace CLI {
class App;
}

namespace berkeley {

/// `target` outlives the app.
void add_key_options(CLI::App& app, KeyFiles& target, KeyUse use);

}  // namespace berkeley
