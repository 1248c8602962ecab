// berkeleyctl status: asks running candidates who they are and how their members are. Not thread-safe.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "ctl/asker.hpp"

namespace berkeley::ctl {

/// The answer with all members: those that one message cannot hold are asked for page by page.
struct StatusReport {
    Header header;
    StatusAnswer answer;
};

/// Asks several candidates for it at once.
class StatusAsker {
public:
    explicit StatusAsker(Asker& asker) : asker_(asker) {}

    struct Ended {
        Link link = 0;
        Result<StatusReport> report;  ///< the error is one line: nobody answered, or not of this cluster
    };
    /// Requires: no other question to it is under way.
    void ask(Link link);
    /// The next that has answered whole, or not at all; nothing where none does until then.
    [[nodiscard]] std::optional<Ended> next(RawTime until);

private:
    void ask_page(Link link, std::uint32_t first);

    Asker& asker_;
    std::array<std::optional<StatusReport>, kMaxCandidates>
        parts_;  ///< what has come of an answer of several pages
};

bool leads(const StatusReport& report);

/// What a set of candidates answered.
struct Statuses {
    std::vector<StatusReport> reports;  ///< in the order of the links
    std::vector<Link> links;            ///< of the reports
    std::vector<std::string> silent;    ///< a line for each that did not answer

    /// Of the first that leads, else the first. Requires: there is one.
    std::size_t best() const;
};
/// All of them; `until_led`: no longer than until one that leads has answered.
[[nodiscard]] Statuses ask_all(Asker& asker, bool until_led);

/// A table for people.
std::string as_table(const StatusReport& report);
/// One JSON object.
std::string as_json(const StatusReport& report);

}  // namespace berkeley::ctl
