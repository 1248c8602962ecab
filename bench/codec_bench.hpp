// berkeley-bench codec: encoding and decoding of the three messages of a round, under Google Benchmark.
#pragma once

#include <string>
#include <vector>

namespace berkeley::bench {

/// `arguments` are Google Benchmark's own (--benchmark_filter=...). Returns the exit code.
int run_codec(const std::vector<std::string>& arguments, bool json);

}  // namespace berkeley::bench
