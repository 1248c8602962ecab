// berkeleyctl status: asks a running candidate who it is and how its members are.
#pragma once

#include <string>

#include "ctl/asker.hpp"

namespace berkeley::ctl {

/// The answer with all members: those that one message cannot hold are asked for page by page.
struct StatusReport {
    Header header;
    StatusAnswer answer;
};

/// The error is one line: nobody answered, or not of this cluster.
[[nodiscard]] Result<StatusReport> ask_status(const Target& target);

/// A table for people.
std::string as_table(const StatusReport& report);
/// One JSON object.
std::string as_json(const StatusReport& report);

}  // namespace berkeley::ctl
