// Control: the commands of berkeleyctl that change a cluster: a planned hand-over, and the recovery from
// lost voters. Not thread-safe.
#pragma once

#include <filesystem>
#include <string>

#include "ctl/asker.hpp"

namespace berkeley::ctl {

/// Asks the leader among the targets to hand over to `to` (empty: its best standby). Returns a line for
/// people.
/// Has the cluster forget a candidate that is gone for good.
[[nodiscard]] Result<std::string> forget(const Targets& targets, const NodeId& id);
[[nodiscard]] Result<std::string> step_down(const Targets& targets, const NodeId& to);

/// Makes the stopped node of that state directory the only voter of its cluster. Returns a line for people.
[[nodiscard]] Result<std::string> force_bootstrap(const std::filesystem::path& state_dir, const NodeId& id);

}  // namespace berkeley::ctl
