#include "log/event_log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/duration_text.hpp"
#include "log/event_json.hpp"

namespace berkeley {
namespace {

constexpr Duration kDropPeriod = std::chrono::seconds{1};
constexpr Duration kExitPatience = std::chrono::seconds{1};
/// Reasons are literals in the program, so there are few; a bug in that must not become a leak.
constexpr std::size_t kMaxDropReasons = 64;
/// A round line of the largest roster is 2.5 MB.
constexpr std::size_t kMaxBacklogBytes = 8 * 1024 * 1024;
/// A pipe that is ready for writing takes at least this much without blocking (PIPE_BUF).
constexpr std::size_t kChunkBytes = 4096;
/// Names of outliers in one human line; the JSON line has all.
constexpr std::size_t kMaxNamedOutliers = 5;

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            break;
    }
    return spdlog::level::off;
}

spdlog::level::level_enum spdlog_level(Severity severity) {
    switch (severity) {
        case Severity::debug:
            return spdlog::level::debug;
        case Severity::info:
            return spdlog::level::info;
        case Severity::warning:
            return spdlog::level::warn;
        case Severity::error:
            break;
    }
    return spdlog::level::err;
}

std::string calendar_text(ClusterTime time) {
    const std::int64_t ns = to_ns(time);
    const auto seconds =
        static_cast<std::time_t>(ns >= 0 ? ns / 1'000'000'000 : (ns - 999'999'999) / 1'000'000'000);
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return "?";
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       (ns - std::int64_t{seconds} * 1'000'000'000) / 1000);
}

std::string with_reason(std::string text, const std::string& reason) {
    if (!reason.empty()) text += ": " + reason;
    return text;
}

std::string outliers_text(const RoundEvent& event) {
    std::string names;
    std::size_t count = 0;
    for (const PeerResult& peer : event.peers) {
        if (!peer.outlier || ++count > kMaxNamedOutliers) continue;
        names += fmt::format("{}{} ({})", count > 1 ? ", " : "", peer.id.view(),
                             signed_duration_text(peer.offset));
    }
    if (count == 0) return {};
    if (count > kMaxNamedOutliers) names += fmt::format(" and {} more", count - kMaxNamedOutliers);
    return (count > 1 ? ", outliers " : ", outlier ") + names;
}

std::string round_text(const RoundEvent& event) {
    std::string who = event.replied == event.members ? fmt::format("{}", event.members)
                                                     : fmt::format("{} of {}", event.replied, event.members);
    who = fmt::format("round {}: {} slave{}", event.round, who, event.members == 1 ? "" : "s");
    switch (event.state) {
        case RoundState::gathering:
            return who + ", still gathering";
        case RoundState::split:
            return who + ", the clocks disagree (split), no correction" + outliers_text(event);
        case RoundState::cold_start:
            who += ", first synchronization";
            break;
        case RoundState::degraded:
            who += ", too few clocks to vote (degraded)";
            break;
        case RoundState::steady:
            break;
    }
    return who + ", average offset " + signed_duration_text(event.average) + outliers_text(event);
}

struct HumanLine {
    spdlog::level::level_enum level = spdlog::level::info;
    std::string text;
};

struct HumanVisitor {
    const EventStamp& stamp;

    HumanLine operator()(const MemberEvent& e) const {
        return {spdlog::level::info,
                with_reason(fmt::format("{} {}", e.id.view(), e.joined ? "joined" : "left"), e.reason)};
    }
    HumanLine operator()(const RoleEvent& e) const {
        return {spdlog::level::info,
                with_reason(fmt::format("role is now {}, term {}", to_string(e.role), stamp.term), e.reason)};
    }
    HumanLine operator()(const VoteEvent& e) const {
        return {spdlog::level::info,
                with_reason(fmt::format("{} {} its vote", e.voter.view(), e.granted ? "gives" : "refuses"),
                            e.reason)};
    }
    HumanLine operator()(const CommitteeEvent& e) const {
        std::string voters;
        for (const Voter& voter : e.committee.voters) voters += (voters.empty() ? "" : ", ") + voter.id.str();
        return {spdlog::level::info, fmt::format("the voters are {}", voters)};
    }
    HumanLine operator()(const RoundEvent& e) const {
        return {e.state == RoundState::split ? spdlog::level::warn : spdlog::level::info, round_text(e)};
    }
    HumanLine operator()(const CorrectionEvent& e) const {
        const std::string correction = signed_duration_text(e.correction);
        if (e.applied == Applied::refused) {
            return {spdlog::level::err,
                    with_reason(fmt::format("correction {} refused", correction), e.reason)};
        }
        return {e.applied == Applied::step ? spdlog::level::warn : spdlog::level::info,
                fmt::format("synchronized time {}, correction {}{}, bound {}", calendar_text(stamp.cluster),
                            correction, e.applied == Applied::step ? " (step)" : "", duration_text(e.bound))};
    }
    HumanLine operator()(const StatusEvent& e) const {
        const bool good = e.status == ClockStatus::synchronized;
        return {good ? spdlog::level::info : spdlog::level::warn,
                with_reason(fmt::format("clock is {}", to_string(e.status)), e.reason)};
    }
    HumanLine operator()(const DroppedEvent& e) const {
        return {spdlog::level::warn,
                fmt::format("dropped {} message{}: {}", e.count, e.count == 1 ? "" : "s", e.reason)};
    }
    HumanLine operator()(const NoteEvent& e) const { return {spdlog_level(e.severity), e.text}; }
};

/// One event stays one line, and no terminal takes orders from the network.
std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; },
        ' ');
    return text;
}

}  // namespace

struct EventLog::Human {
    std::shared_ptr<spdlog::logger> logger;

    void write(const HumanLine& line) const {
        if (!line.text.empty()) logger->log(line.level, one_line(line.text));
    }
};

EventLog::EventLog(const EventLogOptions& options)
    : options_(options), human_(std::make_unique<Human>()), json_open_(options.json) {
    std::signal(SIGPIPE, SIG_IGN);
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
    human_->logger = std::make_shared<spdlog::logger>(options.node.str(), std::move(sink));
    human_->logger->set_level(spdlog_level(options.level));
    human_->logger->set_pattern("%Y-%m-%d %H:%M:%S.%e%z %^%-7l%$ %n: %v");
    // A stderr that fails (a full disk behind it) is nothing to shout about on stderr.
    human_->logger->set_error_handler([](const std::string&) {});
}

EventLog::~EventLog() { flush_backlog(Duration{0}); }

void EventLog::log(const Event& event, const EventStamp& stamp) {
    if (const auto* dropped = std::get_if<DroppedEvent>(&event)) {
        drop(*dropped, stamp);
        return;
    }
    human_->write(std::visit(HumanVisitor{stamp}, event));
    if (json_open_) write_line(event_json(event, options_.node, stamp));
}

void EventLog::ready(const NamedEndpoints& endpoints, const EventStamp& stamp) {
    std::string text = "ready";
    for (const auto& [name, url] : endpoints) {
        text += fmt::format("{}{} {}", text == "ready" ? ": " : ", ", name, url);
    }
    human_->write({spdlog::level::info, text});
    if (json_open_) write_line(ready_json(endpoints, options_.node, stamp));
}

void EventLog::exit(int code, std::string_view reason, const EventStamp& stamp) {
    for (auto& [name, pending] : drops_) {
        if (pending.count > 0) report_drop(name, pending, stamp);
    }
    human_->write({code == 0 ? spdlog::level::info : spdlog::level::err,
                   with_reason(fmt::format("exit {}", code), std::string(reason))});
    if (json_open_) write_line(exit_json(code, reason, options_.node, stamp));
    flush_backlog(kExitPatience);
    human_->logger->flush();
}

void EventLog::tick(const EventStamp& stamp) {
    for (auto& [name, pending] : drops_) {
        if (pending.count > 0 && stamp.raw - pending.reported_at >= kDropPeriod)
            report_drop(name, pending, stamp);
    }
    flush_backlog(Duration{0});
}

void EventLog::note(Severity severity, std::string_view text) {
    human_->write({spdlog_level(severity), std::string(text)});
}

void EventLog::drop(const DroppedEvent& event, const EventStamp& stamp) {
    auto found = drops_.find(event.reason);
    if (found == drops_.end()) {
        const bool room = drops_.size() < kMaxDropReasons;
        const auto due = PendingDrop{0, stamp.raw - kDropPeriod};
        found = drops_.emplace(room ? std::string(event.reason) : std::string("other"), due).first;
    }
    found->second.count += event.count;
    if (stamp.raw - found->second.reported_at >= kDropPeriod) report_drop(found->first, found->second, stamp);
}

void EventLog::report_drop(const std::string& reason, PendingDrop& pending, const EventStamp& stamp) {
    const DroppedEvent event{reason, std::exchange(pending.count, 0)};
    pending.reported_at = stamp.raw;
    human_->write(HumanVisitor{stamp}(event));
    if (json_open_) write_line(event_json(event, options_.node, stamp));
}

void EventLog::write_line(std::string line) {
    if (line.empty()) return;
    flush_backlog(Duration{0});
    if (backlog_.size() + line.size() + 1 > kMaxBacklogBytes) {
        // Whole lines only: a torn one would make its reader fail on the next.
        if (lost_lines_++ == 0) note(Severity::warning, "stdout is not read: JSON lines are being lost");
        return;
    }
    backlog_ += line;
    backlog_ += '\n';
    flush_backlog(Duration{0});
}

/// Writes as much as goes without waiting longer than `patience` in all.
void EventLog::flush_backlog(Duration patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::size_t done = 0;
    while (json_open_ && done < backlog_.size()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd item{options_.json_fd, POLLOUT, 0};
        if (::poll(&item, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) <= 0) break;
        const ssize_t written =
            ::write(options_.json_fd, backlog_.data() + done, std::min(kChunkBytes, backlog_.size() - done));
        if (written > 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno == ENOSPC || errno == EDQUOT || errno == EAGAIN || errno == EINTR) {
            break;  // there may be room again later
        } else {
            note(Severity::warning, fmt::format("stdout: {}: no more JSON lines", std::strerror(errno)));
            json_open_ = false;
        }
    }
    backlog_.erase(0, json_open_ ? done : backlog_.size());
    if (json_open_ && backlog_.empty() && lost_lines_ > 0) {
        note(Severity::warning, fmt::format("stdout is read again: {} JSON lines were lost", lost_lines_));
        lost_lines_ = 0;
    }
}

std::string human_text(const Event& event, const EventStamp& stamp) {
    return one_line(std::visit(HumanVisitor{stamp}, event).text);
}

std::string_view to_string(Role role) {
    switch (role) {
        case Role::slave:
            return "slave";
        case Role::listen:
            return "listen";
        case Role::standby:
            return "standby";
        case Role::candidate:
            return "candidate";
        case Role::warmup:
            return "warmup";
        case Role::master:
            break;
    }
    return "master";
}

std::string_view to_string(ClockStatus status) {
    switch (status) {
        case ClockStatus::unsynchronized:
            return "UNSYNCHRONIZED";
        case ClockStatus::synchronized:
            return "SYNCHRONIZED";
        case ClockStatus::holdover:
            return "HOLDOVER";
        case ClockStatus::disrupted:
            break;
    }
    return "DISRUPTED";
}

std::string_view to_string(RoundState state) {
    switch (state) {
        case RoundState::gathering:
            return "gathering";
        case RoundState::cold_start:
            return "cold_start";
        case RoundState::steady:
            return "steady";
        case RoundState::degraded:
            return "degraded";
        case RoundState::split:
            break;
    }
    return "split";
}

std::string_view to_string(Applied applied) {
    switch (applied) {
        case Applied::step:
            return "step";
        case Applied::slew:
            return "slew";
        case Applied::refused:
            break;
    }
    return "refused";
}

}  // namespace berkeley
