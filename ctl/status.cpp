#include "ctl/status.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>

#include "base/duration_text.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "ctl/time_text.hpp"
#include "log/event_log.hpp"
#include "protocol/candidate_address.hpp"

namespace berkeley::ctl {

namespace {

std::string committee_text(const StatusAnswer& a) {
    std::string text;
    for (const Voter& voter : a.committee.voters) text += " " + voter.id.str();
    return text.empty() ? " none" : text;
}

std::string remarks(const MemberStatus& member) {
    std::string text = member.outlier ? "  outlier" : "";
    if (member.unapplied >= kDeadEndRounds) {
        text += fmt::format("  applies nothing ({} corrections)", member.unapplied);
    }
    return text;
}

/// The endpoints as this machine reaches them; those that it cannot reach stay as they were told.
void show_addresses(std::vector<CandidateInfo>& candidates, const std::string& asked) {
    const SenderHost host = sender_host(Url::from(asked).value_or(Url{}));
    for (CandidateInfo& info : candidates) {
        static_cast<void>(complete(info, host));
        for (Url* url : {&info.poll, &info.publish, &info.heartbeat}) *url = to_connect(*url);
    }
}

}  // namespace

void StatusAsker::ask_page(Link link, std::uint32_t first, const NodeId& after) {
    asker_.ask(link, StatusRequest{first, after}, [first](const Message& message) {
        const auto* page = std::get_if<StatusAnswer>(&message.body);
        return page != nullptr && page->first_member == first;
    });
}

void StatusAsker::ask(Link link) {
    parts_[link].reset();
    ask_page(link, 0, NodeId{});
}

std::optional<StatusAsker::Ended> StatusAsker::next(RawTime until) {
    while (auto ended = asker_.next(until)) {
        const Link link = ended->link;
        if (!ended->answer) return Ended{link, failure(ended->answer.error())};
        auto& part = parts_[link];
        auto page = std::get<StatusAnswer>(std::move(ended->answer->body));
        show_addresses(page.candidates, asker_.poll(link));
        const bool empty = page.members.empty();  // members left while we asked
        if (!part) {
            part = StatusReport{ended->answer->header, std::move(page)};
        } else {
            auto& all = part->answer.members;
            all.insert(all.end(), page.members.begin(), page.members.end());
        }
        const std::size_t have = part->answer.members.size();
        if (empty || have >= part->answer.members_total) return Ended{link, std::move(*part)};
        ask_page(link, static_cast<std::uint32_t>(have), part->answer.members.back().id);
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

std::vector<std::size_t> Statuses::leaders() const {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < reports.size(); ++i) {
        if (leads(reports[i])) all.push_back(i);
    }
    return all;
}

Resilience resilience(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    Resilience result;
    const auto present = [&](const NodeId& id) {
        return id == report.header.sender ||
               std::any_of(a.members.begin(), a.members.end(), [&](const auto& m) { return m.id == id; });
    };
    for (const Voter& voter : a.committee.voters) {
        (present(voter.id) ? result.living : result.missing).push_back(voter.id);
    }
    for (const CandidateInfo& c : a.candidates) result.candidates += present(c.id) ? 1U : 0U;
    const std::size_t needed = a.committee.voters.size() / 2 + 1;
    const std::size_t spare = result.living.size() - std::min(result.living.size(), needed);
    result.losses = std::min(spare, result.candidates - std::min<std::size_t>(result.candidates, 1));
    return result;
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

std::string resilience_text(const StatusReport& report) {
    const Resilience r = resilience(report);
    const auto names = [](const std::vector<NodeId>& ids) {
        std::string text;
        for (const NodeId& id : ids) text += " " + id.str();
        return text;
    };
    const std::string missing = r.missing.empty() ? "" : "; missing:" + names(r.missing);
    if (r.candidates <= 1) {
        return "losses: without " + report.header.sender.str() +
               " nobody leads: start a standby (berkeley-master --standby --peer URL)" + missing + "\n";
    }
    if (r.losses == 0) return "losses: bears the loss of no voter now" + missing + "\n";
    return fmt::format("losses: bears the loss of any {} of{}{}\n", r.losses, names(r.living), missing);
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
    text += "\n";
    if (leads(report)) text += resilience_text(report);
    text += "candidates:";
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
                            duration_text(m.last_seen), remarks(m));
    }
    return text;
}

std::string as_json(const StatusReport& report) {
    const StatusAnswer& a = report.answer;
    JsonWriter json;
    json.begin_object()
        .field("cluster", report.header.cluster.view())
        .field("node", report.header.sender.view())
        .field("role", to_string(a.role))
        .field("leader", a.leader.view())
        .field("term", report.header.term)
        .field("round", a.round)
        .field("state", to_string(a.state))
        .field("status", to_string(a.status))
        .field("bound_ns", known_bound_ns(a.bound))
        .field("cluster_ns", to_ns(a.cluster_time))
        .field("disruptions", a.disruptions)
        .field("lease_left_ns", a.lease_left.count());
    json.key("committee").begin_object();
    json.field("term", a.committee.term).field("version", a.committee.version);
    json.key("voters").begin_array();
    for (const Voter& voter : a.committee.voters) json.value(voter.id.view());
    json.end_array().end_object();
    // Only the master knows who is there.
    const Resilience r = leads(report) ? resilience(report) : Resilience{};
    json.field("losses", leads(report) ? std::optional{r.losses} : std::nullopt);
    json.key("missing_voters").begin_array();
    for (const NodeId& id : r.missing) json.value(id.view());
    json.end_array();
    json.key("candidates").begin_array();
    for (const CandidateInfo& c : a.candidates) {
        json.begin_object()
            .field("id", c.id.view())
            .field("priority", c.priority)
            .field("poll", c.poll.view())
            .field("publish", c.publish.view())
            .field("heartbeat", c.heartbeat.view())
            .end_object();
    }
    json.end_array().key("members").begin_array();
    for (const MemberStatus& m : a.members) {
        json.begin_object()
            .field("id", m.id.view())
            .field("status", to_string(m.status))
            .field("outlier", m.outlier)
            .field("offset_ns", m.offset.count())
            .field("delay_ns", m.delay.count())
            .field("bound_ns", known_bound_ns(m.bound))
            .field("freq_ppb", m.freq_ppb)
            .field("last_seen_ns", m.last_seen.count())
            .field("unapplied", m.unapplied)
            .end_object();
    }
    return json.end_array().end_object().take();
}

}  // namespace berkeley::ctl
