// Recorded delays as files. Not thread-safe.
#pragma once

#include <string>

#include "sim/delay_trace.hpp"

namespace berkeley::bench {

/// Reads a whole file; the error names it.
Result<sim::DelayTrace> load_trace(const std::string& path);

}  // namespace berkeley::bench
