#include "ctl/status.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/duration_text.hpp"
#include "ctl/time_text.hpp"
#include "io/event_log.hpp"
#include "io/os_clock.hpp"
#include "io/transport.hpp"
#include "wire/codec.hpp"

namespace berkeley::ctl {

namespace {

/// A lost request is asked again so often within the timeout.
constexpr int kAttempts = 4;

RawTime read_clock(const void* clock) { return static_cast<const OsClock*>(clock)->now(); }

class Asker {
public:
    explicit Asker(const StatusQuery& query) : query_(query) {}

    Result<void> connect() {
        TransportOptions options;
        options.clock = {read_clock, &clock_};
        auto transport = Transport::create(options);
        if (!transport) return failure(transport.error());
        transport_ = std::move(*transport);
        return transport_->connect_link(0, query_.poll);
    }

    Result<StatusReport> ask(std::uint32_t first) {
        const NodeId self = node_id("ctl-" + std::to_string(getpid()));
        Encoded encoded;
        encode({{query_.cluster, self, 0}, StatusRequest{first}}, encoded);
        const RawTime end = clock_.now() + query_.timeout;
        for (RawTime now = clock_.now(); now < end; now = clock_.now()) {
            // Until the connection stands a send is refused; then it is tried again soon.
            const bool sent = transport_->send(Link{0}, encoded).ok();
            const Duration wait = sent ? query_.timeout / kAttempts : std::chrono::milliseconds{5};
            if (auto report = await(first, std::min(end, now + wait))) return *report;
        }
        return failure("no answer from " + query_.poll + " within " + duration_text(query_.timeout) +
                       (foreign_ ? ": it answers for another cluster, see --cluster" : ""));
    }

private:
    std::optional<StatusReport> await(std::uint32_t first, RawTime end) {
        while (clock_.now() < end) {
            transport_->poll(end);
            Inbound in;
            while (transport_->receive(in)) {
                Message message;
                const auto error = decode(in.payload, query_.cluster, message);
                foreign_ = foreign_ || error == DecodeError::foreign_cluster;
                auto* answer = error ? nullptr : std::get_if<StatusAnswer>(&message.body);
                if (answer != nullptr && answer->first_member == first) {
                    return StatusReport{message.header, std::move(*answer)};
                }
            }
        }
        return std::nullopt;
    }

    StatusQuery query_;
    OsClock clock_;
    std::unique_ptr<Transport> transport_;
    bool foreign_ = false;
};

}  // namespace

Result<StatusReport> ask_status(const StatusQuery& query) {
    Asker asker(query);
    if (auto connected = asker.connect(); !connected) return failure(connected.error());
    auto report = asker.ask(0);
    if (!report) return report;
    while (report->answer.members.size() < report->answer.members_total) {
        auto page = asker.ask(static_cast<std::uint32_t>(report->answer.members.size()));
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
    text += "candidates:";
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
                                {"bound_ns", a.bound.count()},
                                {"cluster_ns", to_ns(a.cluster_time)},
                                {"disruptions", a.disruptions},
                                {"candidates", nlohmann::ordered_json::array()},
                                {"members", nlohmann::ordered_json::array()}};
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
                                   {"bound_ns", m.bound.count()},
                                   {"freq_ppb", m.freq_ppb},
                                   {"last_seen_ns", m.last_seen.count()}});
    }
    return json.dump();
}

}  // namespace berkeley::ctl
