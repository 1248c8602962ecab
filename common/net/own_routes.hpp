// OwnRoutes: the routing ids that our ROUTER gives. libzmq takes any id that a peer chooses for itself, also
// one that looks like its own; it counts its own up from a number that nobody knows but us. So an id far from
// the count is a peer's choice. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/actions.hpp"

namespace berkeley {

class OwnRoutes {
public:
    /// `first`: an id that the ROUTER gave before it was bound.
    void begin(std::optional<Route> first) {
        first_ = first;
        given_ = 0;
    }
    /// A connection may have got an id.
    void on_accepted() { ++given_; }

    /// Whether the ROUTER may have given this id. A chosen one passes by chance, once in 2^15.
    bool may_be_given(Route route) const {
        return !first_ || static_cast<std::uint32_t>(route - *first_) <= given_ + kUncounted;
    }

private:
    /// Connections within this process, which are not told of.
    static constexpr std::uint64_t kUncounted = 1U << 17;

    std::optional<Route> first_;
    std::uint64_t given_ = 0;
};

}  // namespace berkeley
