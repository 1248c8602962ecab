// berkeleyctl watch: follows a cluster live. It prints a line whenever a candidate's role, leader, committee
// or clock status changes. Not thread-safe.
#pragma once

#include "ctl/status.hpp"

namespace berkeley::ctl {

struct WatchQuery {
    Targets targets;  ///< the candidates that they name are asked too
    Duration every = std::chrono::milliseconds{500};
    Duration duration{0};  ///< 0: until it is interrupted
    bool json = false;
};

/// Prints lines as changes come. The error is one line: nobody ever answered.
[[nodiscard]] Result<void> watch(const WatchQuery& query);

}  // namespace berkeley::ctl
