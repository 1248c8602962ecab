#include "ctl/watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/duration_text.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "ctl/time_text.hpp"
#include "log/event_log.hpp"

namespace berkeley::ctl {

namespace {

std::string voters(const Committee& committee) {
    std::string text;
    for (const Voter& voter : committee.voters) text += (text.empty() ? "" : " ") + voter.id.str();
    return text.empty() ? "none" : text;
}

/// The part of a report whose change is worth a line.
std::string state_of(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    return fmt::format("{} in term {}, {}, leader {}, clock {}, {} members, voters {}", to_string(a.role),
                       report.header.term, a.lease_left > Duration{0} ? "lease" : "no lease",
                       a.leader.empty() ? "unknown" : a.leader.str(), to_string(a.status), a.members_total,
                       voters(a.committee));
}

void print(const std::string& node, const std::string& what, const StatusReport* report, bool json) {
    std::string line;
    if (!json) {
        line = fmt::format("{}  {}: {}\n",
                           report != nullptr ? calendar_text(report->answer.cluster_time) : "-", node, what);
    } else if (report != nullptr) {
        line = as_json(*report) + "\n";
    } else {
        line =
            JsonWriter().begin_object().field("node", node).field("error", what).end_object().take() + "\n";
    }
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace

Result<void> watch(const WatchQuery& query) {
    auto created = Asker::create(query.targets);
    if (!created) return failure(created.error());
    Asker& asker = **created;
    StatusAsker statuses(asker);
    const bool endless = query.duration == Duration{0};
    const RawTime end = endless ? RawTime::max() : asker.now() + query.duration;
    std::array<RawTime, kMaxCandidates> asked{};  // when last
    std::array<RawTime, kMaxCandidates> due{};    // when next; never while a question is under way
    std::array<std::string, kMaxCandidates> told;
    bool answered = false;
    for (RawTime now = asker.now(); now < end; now = asker.now()) {
        RawTime next = end;
        for (Link link = 0; link < asker.size(); ++link) {
            if (due[link] <= now) {
                statuses.ask(link);
                asked[link] = now;
                due[link] = RawTime::max();
            }
            next = std::min(next, due[link]);
        }
        const auto ended = statuses.next(next);
        if (!ended) continue;
        const Link link = ended->link;
        const auto& report = ended->report;
        due[link] = asked[link] + query.every;
        const std::string state = report ? state_of(*report) : report.error();
        if (std::exchange(told[link], state) != state) {
            print(report ? report->header.sender.str() : asker.poll(link), state, report ? &*report : nullptr,
                  query.json);
        }
        answered = answered || report.has_value();
        // A leader names the other candidates. We watch them too, so a takeover is seen from all sides.
        if (report) {
            for (const CandidateInfo& info : report->answer.candidates) asker.add(info.poll.str());
        }
        const auto unasked = std::count(told.begin(), told.begin() + asker.size(), std::string{});
        if (endless && !answered && unasked == 0) break;
    }
    if (answered) return {};
    return failure(told[0].empty() ? "nobody has answered within " + duration_text(query.duration) : told[0]);
}

}  // namespace berkeley::ctl
