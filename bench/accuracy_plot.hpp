// A picture of `berkeley-bench accuracy`: each clock's deviation from the mean of all over time, and the
// error bound of one of them, drawn by gnuplot.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/accuracy_clocks.hpp"
#include "bench/child_process.hpp"

namespace berkeley::bench {

/// Whether gnuplot is there and the file's folder can be written to.
[[nodiscard]] Result<void> check_plot(const std::string& file);

/// Writes an SVG file, or a PNG file where the name says so.
[[nodiscard]] Result<void> plot_accuracy(const TemporaryFolder& folder, const std::string& file,
                                         const std::vector<Sweep>& idle, const std::vector<Sweep>& loaded);

}  // namespace berkeley::bench
