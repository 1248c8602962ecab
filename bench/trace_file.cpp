#include "bench/trace_file.hpp"

#include <fstream>
#include <sstream>

namespace berkeley::bench {

Result<sim::DelayTrace> load_trace(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return failure(path + ": cannot be read");
    auto trace = sim::parse_trace(text.str());
    if (!trace) return failure(path + ": " + trace.error());
    return trace;
}

}  // namespace berkeley::bench
