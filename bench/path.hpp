// Path: one way to a peer and back, as `berkeley-bench latency` measures it. Not thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace berkeley::bench {

/// A round trip that takes longer is lost.
inline constexpr Duration kProbeTimeout = std::chrono::seconds{1};
/// A path stands by then, or it never will.
inline constexpr Duration kConnectTimeout = std::chrono::seconds{5};

enum class Wire : std::uint8_t { tcp, tcp_curve, ipc, inproc };

class Path {
public:
    virtual ~Path() = default;
    virtual std::string_view name() const = 0;
    /// One round trip: from before the request is made until after the answer is understood. Nothing where no
    /// right answer came in time.
    virtual std::optional<Duration> probe() = 0;
};

}  // namespace berkeley::bench
