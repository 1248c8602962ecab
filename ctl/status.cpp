#include "ctl/status.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/duration_text.hpp"
#include "base/text.hpp"
#include "ctl/time_text.hpp"
#include "log/event_log.hpp"

namespace berkeley::ctl {

namespace {

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

void StatusAsker::ask_page(Link link, std::uint32_t first) {
    asker_.ask(link, StatusRequest{first}, [first](const Message& message) {
        const auto* page = std::get_if<StatusAnswer>(&message.body);
        return page != nullptr && page->first_member == first;
    });
}

void StatusAsker::ask(Link link) {
    parts_[link].reset();
    ask_page(link, 0);
}

std::optional<StatusAsker::Ended> StatusAsker::next(RawTime until) {
    while (auto ended = asker_.next(until)) {
        const Link link = ended->link;
        if (!ended->answer) return Ended{link, failure(ended->answer.error())};
        auto& part = parts_[link];
        auto page = std::get<StatusAnswer>(std::move(ended->answer->body));
        const bool empty = page.members.empty();  // members left while we asked
        if (!part) {
            part = StatusReport{ended->answer->header, std::move(page)};
        } else {
            auto& all = part->answer.members;
            all.insert(all.end(), page.members.begin(), page.members.end());
        }
        const std::size_t have = part->answer.members.size();
        if (empty || have >= part->answer.members_total) return Ended{link, std::move(*part)};
        ask_page(link, static_cast<std::uint32_t>(have));
    }
    return std::nullopt;
}

bool leads(const StatusReport& report) {
    return report.answer.role == Role::master || report.answer.role == Role::warmup;
}

std::size_t Statuses::best() const {
    const auto found = std::find_if(reports.begin(), reports.end(), leads);
    return found == reports.end() ? 0 : static_cast<std::size_t>(found - reports.begin());
}

Statuses ask_all(Asker& asker, bool until_led) {
    StatusAsker statuses(asker);
    std::vector<std::optional<Result<StatusReport>>> ended(asker.size());
    for (Link link = 0; link < ended.size(); ++link) statuses.ask(link);
    for (std::size_t open = ended.size(); open > 0; --open) {
        auto one = statuses.next(RawTime::max());
        if (!one) break;
        const bool led = one->report && leads(*one->report);
        ended[one->link] = std::move(one->report);
        if (led && until_led) break;
    }
    Statuses all;
    for (Link link = 0; link < ended.size(); ++link) {
        if (!ended[link]) continue;
        if (!*ended[link]) {
            all.silent.push_back(ended[link]->error());
            continue;
        }
        all.reports.push_back(std::move(**ended[link]));
        all.links.push_back(link);
    }
    return all;
}

std::string as_table(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    std::string text = fmt::format("{} is {} in term {}, cluster {}", report.header.sender.view(),
                                   to_string(a.role), report.header.term, report.header.cluster.view());
    text += a.leader.empty()                   ? ", no master known\n"
            : a.leader == report.header.sender ? "\n"
                                               : fmt::format(", following {}\n", a.leader.view());
    text += fmt::format("clock: {}, {}, bound {}, disruptions {}\n", calendar_text(a.cluster_time),
                        to_string(a.status), bound_text(a.bound), a.disruptions);
    text += fmt::format("round: {}, {}\n", a.round, to_string(a.state));
    text += "voters:" + committee_text(a);
    if (leads(report)) {
        text += a.lease_left > Duration{0}
                    ? fmt::format(", lease for another {}", duration_text(a.lease_left))
                    : ", no lease: corrects nobody";
    }
    text += "\ncandidates:";
    for (const CandidateInfo& c : a.candidates) {
        text += fmt::format(" {} ({}, priority {})", c.id.view(), c.poll.view(), c.priority);
    }
    text += "\n\n" + counted(a.members.size(), "member") + "\n";
    if (a.members.empty()) return text;
    if (!leads(report)) {
        text += "only the master measures its members; these have greeted this candidate:";
        for (const MemberStatus& m : a.members) text += " " + m.id.str();
        return text + "\n";
    }
    std::size_t width = 4;
    for (const MemberStatus& m : a.members) width = std::max(width, m.id.view().size());
    text += fmt::format("{:<{}}  {:<14} {:>12} {:>11} {:>11} {:>12} {:>11}\n", "id", width, "status",
                        "offset", "delay", "bound", "freq ppm", "last seen");
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
                                {"committee",
                                 {{"term", a.committee.term},
                                  {"version", a.committee.version},
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
