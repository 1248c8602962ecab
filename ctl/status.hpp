// berkeleyctl status: asks running candidates for their role, term, voters and members. Not thread-safe.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "ctl/asker.hpp"

namespace berkeley::ctl {

/// The answer with all members. Where one message cannot hold them, we ask page by page.
struct StatusReport {
    Header header;
    StatusAnswer answer;
};

/// Asks several candidates for their status at once.
class StatusAsker {
public:
    explicit StatusAsker(Asker& asker) : asker_(asker) {}

    struct Ended {
        Link link = 0;
        Result<StatusReport> report;  ///< the error is one line: nobody answered, or not of this cluster
    };
    /// Requires: no other question to it is under way.
    void ask(Link link);
    /// The next candidate that has answered completely, or not at all; nothing where none does until then.
    [[nodiscard]] std::optional<Ended> next(RawTime until);

private:
    void ask_page(Link link, std::uint32_t first, const NodeId& after);

    Asker& asker_;
    std::array<std::optional<StatusReport>, kMaxCandidates>
        parts_;  ///< the pages of an answer that have come so far
};

bool leads(const StatusReport& report);

/// Which losses the cluster bears now, as its leader sees it.
struct Resilience {
    std::size_t losses = 0;       ///< any so many of `living` may be lost at once
    std::size_t candidates = 0;   ///< of the living
    std::vector<NodeId> living;   ///< voters
    std::vector<NodeId> missing;  ///< voters
};
/// Requires: leads(report).
Resilience resilience(const StatusReport& report);

/// The answers of a set of candidates.
struct Statuses {
    std::vector<StatusReport> reports;  ///< in the order of the links
    std::vector<Link> links;            ///< of the reports
    std::vector<std::string> silent;    ///< a line for each candidate that did not answer

    /// The index of the first report of a leader, else of the first. Requires: there is a report.
    std::size_t best() const;
    /// The nodes that lead. Where there are several, the cluster is not one.
    std::vector<std::size_t> leaders() const;
};
/// All of them; `until_led`: no longer than until one that leads has answered.
[[nodiscard]] Statuses ask_all(Asker& asker, bool until_led);

/// A table for people.
std::string as_table(const StatusReport& report);
/// One JSON object.
std::string as_json(const StatusReport& report);

}  // namespace berkeley::ctl
