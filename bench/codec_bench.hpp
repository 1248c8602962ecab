// berkeley-bench codec: what encoding and decoding cost by themselves, next to bare msgpack, and the average
// of many clocks, next to sorting as many numbers. Under Google Benchmark.
#pragma once

#include <string>
#include <vector>

namespace berkeley::bench {

/// `arguments` are Google Benchmark's own (--benchmark_filter=...). Returns the exit code.
int run_codec(const std::vector<std::string>& arguments, bool json);

}  // namespace berkeley::bench
