// berkeleyctl wait and run: scripts that wait for this machine's clock, and commands that start at an instant
// of cluster time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley::ctl {

/// The machine's only clock page, in the places where nodes keep theirs by default and under systemd.
[[nodiscard]] Result<std::string> only_page();

struct WaitQuery {
    std::optional<std::string> page;  ///< nothing: only_page(), once there is one
    Duration bound{0};                ///< 0: any
    Duration timeout = std::chrono::seconds{30};
    bool progress = false;  ///< a line on stderr that is written over
};

/// Waits until the clock is SYNCHRONIZED within the bound; the page need not exist yet. The text says how it
/// reads, the error why not, in one line.
[[nodiscard]] Result<std::string> wait_for_clock(const WaitQuery& query);

/// "+2s" from `now` on, or "2026-12-01T12:00:00.5Z" of cluster time.
[[nodiscard]] Result<ClusterTime> parse_instant(const std::string& text, ClusterTime now);

struct RunQuery {
    std::string at;
    std::optional<std::string> page;
    bool allow_holdover = false;
    std::vector<std::string> command;
};

struct RunFailure {
    int code = 1;  ///< 1: the clock; 2: usage; 126, 127: the command, as shells say it
    std::string why;
};

/// Becomes the command when the clock reads that instant: returns only where that fails.
[[nodiscard]] RunFailure run_at(const RunQuery& query);

}  // namespace berkeley::ctl
