// The status of a clock and the outcome of a correction. The numbers travel on the wire and stand in the
// clock page: append-only.
#pragma once

#include <cstdint>

namespace berkeley {

enum class ClockStatus : std::uint8_t { unsynchronized, synchronized, holdover, disrupted };
enum class Applied : std::uint8_t { step, slew, refused };

}  // namespace berkeley
