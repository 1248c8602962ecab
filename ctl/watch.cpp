#include "ctl/watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/duration_text.hpp"
#include "io/event_log.hpp"
#include "ctl/time_text.hpp"

namespace berkeley::ctl {

namespace {

using Clock = std::chrono::steady_clock;

std::string voters(const Committee& committee) {
    std::string text;
    for (const Voter& voter : committee.voters) text += (text.empty() ? "" : " ") + voter.id.str();
    return text.empty() ? "none" : text;
}

/// What a change of is worth a line.
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
        line = fmt::format("{}  {}: {}\n", report != nullptr ? time_text(report->answer.cluster_time) : "-", node, what);
    } else if (report != nullptr) {
        line = as_json(*report) + "\n";
    } else {
        line = nlohmann::ordered_json{{"node", node}, {"error", what}}.dump() + "\n";
    }
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace

Result<void> watch(const WatchQuery& query) {
    std::vector<Target> targets = query.targets;
    std::map<std::string, std::string> told;  // by poll URL
    const auto end = Clock::now() + query.duration;
    bool answered = false;
    while (query.duration == Duration{0} || Clock::now() < end) {
        const auto began = Clock::now();
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const Target target = targets[i];
            const auto report = ask_status(target);
            const std::string state = report ? state_of(*report) : report.error();
            if (std::exchange(told[target.poll], state) != state) {
                print(report ? report->header.sender.str() : target.poll, state, report ? &*report : nullptr, query.json);
            }
            if (!report) continue;
            answered = true;
            // One that leads names the others: watch them too, so that a takeover is seen from all sides.
            for (const CandidateInfo& info : report->answer.candidates) {
                const auto known = [&](const Target& t) { return t.poll == info.poll.view(); };
                if (targets.size() < kMaxCandidates && std::none_of(targets.begin(), targets.end(), known)) {
                    targets.push_back({info.poll.str(), target.cluster, target.timeout, target.credentials});
                }
            }
        }
        if (!answered && query.duration == Duration{0}) return failure(told.begin()->second);
        const auto next = began + query.every;
        std::this_thread::sleep_until(query.duration == Duration{0} ? next : std::min(next, end));
    }
    if (!answered) return failure(told.empty() ? "nobody was asked" : told.begin()->second);
    return {};
}

}  // namespace berkeley::ctl
