// A picture of `berkeley-bench accuracy`: each clock's deviation from the mean of all over time, and the
// error bound of one of them, drawn by gnuplot.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/harness/clock_watch.hpp"
#include "tests/harness/process.hpp"

namespace berkeley::bench {

/// Whether gnuplot is there and the file's folder can be written to.
[[nodiscard]] Result<void> check_plot(const std::string& file);

/// Writes an SVG file, or a PNG file where the name says so.
[[nodiscard]] Result<void> plot_accuracy(const harness::TemporaryFolder& folder, const std::string& file,
                                         const std::vector<harness::Sweep>& idle,
                                         const std::vector<harness::Sweep>& loaded);

}  // namespace berkeley::bench
