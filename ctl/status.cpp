#include "ctl/status.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/duration_text.hpp"
#include "ctl/time_text.hpp"
#include "io/event_log.hpp"

namespace berkeley::ctl {

namespace {

Result<StatusReport> ask_page(Asker& asker, std::uint32_t first) {
    auto answer = asker.ask(StatusRequest{first}, [&](const Message& message) {
        const auto* page = std::get_if<StatusAnswer>(&message.body);
        return page != nullptr && page->first_member == first;
    });
    if (!answer) return failure(answer.error());
    return StatusReport{answer->header, std::get<StatusAnswer>(std::move(answer->body))};
}

std::string committee_text(const StatusAnswer& a) {
    std::string text;
    for (const Voter& voter : a.committee.voters) text += " " + voter.id.str();
    return text.empty() ? " none" : text;
}

nlohmann::ordered_json bound_json(Duration bound) {
    const auto known = known_bound_ns(bound);
    return known ? nlohmann::ordered_json(*known) : nlohmann::ordered_json(nullptr);
}

}  // namespace

Result<StatusReport> ask_status(const Target& target) {
    Asker asker(target);
    if (auto connected = asker.connect(); !connected) return failure(connected.error());
    auto report = ask_page(asker, 0);
    if (!report) return report;
    while (report->answer.members.size() < report->answer.members_total) {
        auto page = ask_page(asker, static_cast<std::uint32_t>(report->answer.members.size()));
        if (!page) return page;
        if (page->answer.members.empty()) break;  // members left while we asked
        auto& all = report->answer.members;
        all.insert(all.end(), page->answer.members.begin(), page->answer.members.end());
    }
    return report;
}

std::string as_table(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    std::string text = fmt::format("{} is {} in term {}, cluster {}", report.header.sender.view(),
                                   to_string(a.role), report.header.term, report.header.cluster.view());
    text += a.leader.empty() ? ", no master known\n"
                             : a.leader == report.header.sender ? "\n" : fmt::format(", following {}\n", a.leader.view());
    text += fmt::format("clock: {}, {}, bound {}, disruptions {}\n", time_text(a.cluster_time),
                        to_string(a.status), bound_text(a.bound), a.disruptions);
    text += fmt::format("round: {}, {}\n", a.round, to_string(a.state));
    text += "voters:" + committee_text(a);
    if (a.role == Role::master || a.role == Role::warmup) {
        text += a.lease_left > Duration{0} ? fmt::format(", lease for another {}", duration_text(a.lease_left))
                                           : ", no lease: corrects nobody";
    }
    text += "\ncandidates:";
    for (const CandidateInfo& c : a.candidates) {
        text += fmt::format(" {} ({}, priority {})", c.id.view(), c.poll.view(), c.priority);
    }
    text += fmt::format("\n\n{} member{}\n", a.members.size(), a.members.size() == 1 ? "" : "s");
    if (a.members.empty()) return text;
    if (a.role != Role::master && a.role != Role::warmup) {
        text += "only the master measures its members; these have greeted this candidate:";
        for (const MemberStatus& m : a.members) text += " " + m.id.str();
        return text + "\n";
    }
    std::size_t width = 4;
    for (const MemberStatus& m : a.members) width = std::max(width, m.id.view().size());
    text += fmt::format("{:<{}}  {:<14} {:>12} {:>11} {:>11} {:>12} {:>11}\n", "id", width, "status", "offset",
                        "delay", "bound", "freq ppm", "last seen");
    for (const MemberStatus& m : a.members) {
        text += fmt::format("{:<{}}  {:<14} {:>12} {:>11} {:>11} {:>+12.3f} {:>11}{}\n", m.id.view(), width,
                            to_string(m.status), signed_duration_text(m.offset), duration_text(m.delay),
                            bound_text(m.bound), static_cast<double>(m.freq_ppb) * 1e-3,
                            duration_text(m.last_seen), m.outlier ? "  outlier" : "");
    }
    return text;
}

std::string as_json(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    nlohmann::ordered_json json{{"cluster", report.header.cluster.view()},
                                {"node", report.header.sender.view()},
                                {"role", to_string(a.role)},
                                {"leader", a.leader.view()},
                                {"term", report.header.term},
                                {"round", a.round},
                                {"state", to_string(a.state)},
                                {"status", to_string(a.status)},
                                {"bound_ns", bound_json(a.bound)},
                                {"cluster_ns", to_ns(a.cluster_time)},
                                {"disruptions", a.disruptions},
                                {"lease_left_ns", a.lease_left.count()},
                                {"committee", {{"term", a.committee.term}, {"version", a.committee.version},
                                               {"voters", nlohmann::ordered_json::array()}}},
                                {"candidates", nlohmann::ordered_json::array()},
                                {"members", nlohmann::ordered_json::array()}};
    for (const Voter& voter : a.committee.voters) json["committee"]["voters"].push_back(voter.id.view());
    for (const CandidateInfo& c : a.candidates) {
        json["candidates"].push_back({{"id", c.id.view()},
                                      {"priority", c.priority},
                                      {"poll", c.poll.view()},
                                      {"publish", c.publish.view()},
                                      {"heartbeat", c.heartbeat.view()}});
    }
    for (const MemberStatus& m : a.members) {
        json["members"].push_back({{"id", m.id.view()},
                                   {"status", to_string(m.status)},
                                   {"outlier", m.outlier},
                                   {"offset_ns", m.offset.count()},
                                   {"delay_ns", m.delay.count()},
                                   {"bound_ns", bound_json(m.bound)},
                                   {"freq_ppb", m.freq_ppb},
                                   {"last_seen_ns", m.last_seen.count()}});
    }
    return json.dump();
}

}  // namespace berkeley::ctl
