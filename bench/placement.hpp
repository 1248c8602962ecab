// Which CPUs the two ends of a path run on.
//
// Left to the scheduler, each path settles for seconds into a placement of its own, on one CPU or across two,
// and the same code takes 60 us or 105 us accordingly: ratios of one run would compare placements. So this
// end of every path gets one half of the CPUs that we may use and the other end gets the other half.
#pragma once

#include <cstdint>
#include <string>

namespace berkeley::bench {

enum class End : std::uint8_t { here, peer };

/// Moves the calling thread, and those that it starts later. Nothing where there is one CPU only.
void place(End end);

/// For the report: "ends on CPUs of their own", or that they share one.
std::string placement_text();

}  // namespace berkeley::bench
