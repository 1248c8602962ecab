// berkeleyctl watch: follows a cluster live: a line whenever who leads, or the committee, or the clock's
// state, changes. Not thread-safe.
#pragma once

#include "ctl/status.hpp"

namespace berkeley::ctl {

struct WatchQuery {
    Targets targets;  ///< those that they name are asked too
    Duration every = std::chrono::milliseconds{500};
    Duration duration{0};  ///< 0: until it is interrupted
    bool json = false;
};

/// Prints as it goes. The error is one line: nobody ever answered.
[[nodiscard]] Result<void> watch(const WatchQuery& query);

}  // namespace berkeley::ctl
