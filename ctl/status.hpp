// berkeleyctl status: asks a running candidate who it is and how its members are.
#pragma once

#include <string>

#include "base/result.hpp"
#include "protocol/messages.hpp"

namespace berkeley::ctl {

struct StatusQuery {
    std::string poll = "tcp://127.0.0.1:5250";
    ClusterName cluster;
    Duration timeout = std::chrono::seconds{2};
};

/// The answer with all members: those that one message cannot hold are asked for page by page.
struct StatusReport {
    Header header;
    StatusAnswer answer;
};

/// The error is one line: nobody answered, or not of this cluster.
[[nodiscard]] Result<StatusReport> ask_status(const StatusQuery& query);

/// A table for people.
std::string as_table(const StatusReport& report);
/// One JSON object.
std::string as_json(const StatusReport& report);

}  // namespace berkeley::ctl
