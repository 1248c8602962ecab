#include "log/event_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "base/duration_text.hpp"
#include "base/text.hpp"
#include "log/event_json.hpp"
#include "log/human_text.hpp"

namespace berkeley {
namespace {

constexpr Duration kJsonDropPeriod = std::chrono::seconds{1};
constexpr Duration kRepeatPeriod = std::chrono::minutes{1};
constexpr Duration kSummaryPeriod = std::chrono::hours{1};
constexpr Duration kExitPatience = std::chrono::milliseconds{300};
/// A job ends when its reader has taken nothing for so long; tick() starts the next.
constexpr Duration kDrainPatience = std::chrono::seconds{1};
/// Reasons are literals in the program, so there are few; a bug in that must not become a leak.
constexpr std::size_t kMaxDropReasons = 64;
constexpr std::size_t kMaxRepeats = 64;
constexpr std::size_t kMaxHumanBytes = 1024 * 1024;
/// A round line of the largest roster is 2.5 MB.
constexpr std::size_t kMaxJsonBytes = 8 * 1024 * 1024;

static_assert(static_cast<int>(Severity::error) == static_cast<int>(LogLevel::error));

bool is_colour_terminal(int fd) {
    const char* terminal = std::getenv("TERM");
    return ::isatty(fd) == 1 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

/// "2026-01-01 12:00:00.123+01:00"
std::string local_time() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    std::tm parts{};
    if (::localtime_r(&now.tv_sec, &parts) == nullptr) return "?";
    const long minutes = std::abs(parts.tm_gmtoff) / 60;
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}{}{:02}:{:02}", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       now.tv_nsec / 1'000'000, parts.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

struct LevelWord {
    std::string_view word;
    std::string_view colour;
};

LevelWord level_word(Severity severity) {
    switch (severity) {
        case Severity::debug:
            return {"debug", "\x1b[36m"};
        case Severity::info:
            return {"info", "\x1b[32m"};
        case Severity::warning:
            return {"warning", "\x1b[33;1m"};
        case Severity::error:
            break;
    }
    return {"error", "\x1b[31;1m"};
}

/// How far a clock is from what it should be.
int trouble_of(ClockStatus status) {
    switch (status) {
        case ClockStatus::synchronized:
            return 0;
        case ClockStatus::holdover:
            return 1;
        case ClockStatus::unsynchronized:
        case ClockStatus::disrupted:
            break;
    }
    return 2;
}

}  // namespace

EventLog::EventLog(const EventLogOptions& options)
    : options_(options),
      colour_(is_colour_terminal(options.human_fd)),
      human_(std::make_shared<LogStream>(options.human_fd, kMaxHumanBytes)),
      json_(options.json ? std::make_shared<LogStream>(options.json_fd, kMaxJsonBytes) : nullptr) {
    std::signal(SIGPIPE, SIG_IGN);
}

EventLog::~EventLog() { finish(); }

void EventLog::log(const Event& event, const EventStamp& stamp) {
    now_ = stamp.raw;
    if (json_ && !std::holds_alternative<DroppedEvent>(event)) {
        write_json(event_json(event, options_.node, stamp), stamp);
    }
    std::visit([&](const auto& it) { hear(it, stamp); }, event);
}

void EventLog::ready(const NamedEndpoints& endpoints, const EventStamp& stamp) {
    now_ = stamp.raw;
    hour_ = Hour{stamp.raw};
    std::string text = "ready";
    for (const auto& [name, url] : endpoints) {
        text += fmt::format("{}{} {}", text == "ready" ? ": " : ", ", name, url);
    }
    tell(Severity::info, text);
    if (json_) write_json(ready_json(endpoints, options_.node, stamp), stamp);
}

void EventLog::exit(int code, std::string_view reason, const EventStamp& stamp) {
    for (auto& [name, drops] : drops_) tell_drops(name, drops, stamp, true);
    tell_repeats(stamp.raw, Duration{0});
    tell(code == 0 ? Severity::info : Severity::error,
         fmt::format("exit {}{}{}", code, reason.empty() ? "" : ": ", reason));
    if (json_) write_json(exit_json(code, reason, options_.node, stamp), stamp);
    finish();
}

void EventLog::tick(const EventStamp& stamp) {
    now_ = stamp.raw;
    for (auto& [name, drops] : drops_) tell_drops(name, drops, stamp, false);
    tell_repeats(stamp.raw, kRepeatPeriod);
    tell_hour(stamp.raw);
    tell_human_gap();
    if (json_) {
        tell_json_gap(stamp);
        if (const int end = json_->take_end(); end != 0) {
            tell(Severity::warning, fmt::format("stdout: {}: no more JSON lines", std::strerror(end)));
            json_ = nullptr;
        }
    }
    pump(human_);
    pump(json_);
}

void EventLog::note(Severity severity, std::string_view text) {
    tell_seldom(severity, std::string(text), std::string(text), now_);
}

void EventLog::hear(const RoundEvent& event, const EventStamp&) {
    if (wanted(Severity::debug)) tell(Severity::debug, round_text(event));
    for (const NoteEvent& change : watch_.look_at(event)) tell(change.severity, change.text);
    if (!hour_) return;
    ++hour_->rounds;
    for (const PeerResult& peer : event.peers) {
        if (!peer.outlier) hour_->worst_offset = std::max(hour_->worst_offset, std::chrono::abs(peer.offset));
    }
}

void EventLog::hear(const CorrectionEvent& event, const EventStamp& stamp) {
    const bool step = event.applied == Applied::step;
    if (event.applied == Applied::refused) {
        refusing_ = true;
        return tell_seldom(Severity::error, "refused", human_text(event, stamp), stamp.raw);
    }
    if (std::exchange(refusing_, false)) tell(Severity::info, "corrections are applied again");
    if (step && was_synchronized_) {
        tell_seldom(Severity::warning, "step", human_text(event, stamp), stamp.raw);
    } else if (const Severity severity = step ? Severity::info : Severity::debug; wanted(severity)) {
        tell(severity, human_text(event, stamp));
    }
    was_synchronized_ = was_synchronized_ || event.status == ClockStatus::synchronized;
    if (!hour_) return;
    ++hour_->corrections;
    hour_->worst_correction = std::max(hour_->worst_correction, std::chrono::abs(event.correction));
    hour_->worst_bound = std::max(hour_->worst_bound, event.bound);
}

void EventLog::hear(const StatusEvent& event, const EventStamp& stamp) {
    const bool better = trouble_of(event.status) < trouble_of(std::exchange(status_, event.status));
    tell(better ? Severity::info : Severity::warning, human_text(event, stamp));
}

void EventLog::hear(const RoleEvent& event, const EventStamp& stamp) {
    const bool lost = role_ == Role::master && event.role != Role::master;
    role_ = event.role;
    if (event.role != Role::master) watch_ = RoundWatch(options_.max_drift_ppb);
    std::string text = human_text(event, stamp);
    // Without a majority a candidate asks again and again.
    const bool seeks = event.role == Role::listen || event.role == Role::candidate;
    if (lost || !seeks) return tell(lost ? Severity::warning : Severity::info, text);
    tell_seldom(Severity::info, text, text, stamp.raw);
}

void EventLog::hear(const MemberEvent& event, const EventStamp& stamp) {
    if (!event.joined) watch_.forget(event.id);
    tell(Severity::info, human_text(event, stamp));
}

void EventLog::hear(const VoteEvent& event, const EventStamp& stamp) {
    const std::string text = human_text(event, stamp);
    tell_seldom(Severity::info, text, text, stamp.raw);
}

void EventLog::hear(const CommitteeEvent& event, const EventStamp& stamp) {
    tell(Severity::info, human_text(event, stamp));
}

void EventLog::hear(const NoteEvent& event, const EventStamp& stamp) {
    tell_seldom(event.severity, event.text, event.text, stamp.raw);
}

/// People learn of it by notes.
void EventLog::hear(const SystemClockEvent& event, const EventStamp& stamp) {
    if (wanted(Severity::debug)) tell(Severity::debug, human_text(event, stamp));
}

void EventLog::hear(const DeadEndEvent& event, const EventStamp& stamp) {
    tell_seldom(Severity::warning, event.reason, human_text(event, stamp), stamp.raw);
}

void EventLog::hear(const DroppedEvent& event, const EventStamp& stamp) {
    auto found = drops_.find(event.reason);
    if (found == drops_.end()) {
        const bool room = drops_.size() < kMaxDropReasons;
        const Drops due{.json_at = stamp.raw - kJsonDropPeriod, .people_at = stamp.raw - kRepeatPeriod};
        found = drops_.emplace(room ? std::string(event.reason) : std::string("other"), due).first;
    }
    Drops& drops = found->second;
    drops.for_json += event.count;
    drops.for_people += event.count;
    drops.this_hour += event.count;
    if (!event.from.empty()) drops.from = event.from;
    tell_drops(found->first, drops, stamp, false);
}

void EventLog::tell_drops(const std::string& reason, Drops& drops, const EventStamp& stamp, bool all) {
    if (json_ && drops.for_json > 0 && (all || stamp.raw - drops.json_at >= kJsonDropPeriod)) {
        const DroppedEvent event{reason, std::exchange(drops.for_json, 0), drops.from};
        drops.json_at = stamp.raw;
        write_json(event_json(event, options_.node, stamp), stamp);
    }
    if (drops.for_people > 0 && (all || stamp.raw - drops.people_at >= kRepeatPeriod)) {
        const DroppedEvent event{reason, std::exchange(drops.for_people, 0), drops.from};
        drops.people_at = stamp.raw;
        tell(Severity::warning, human_text(event, stamp));
    }
}

void EventLog::tell_hour(TrueTime now) {
    if (!hour_ || now - hour_->since < kSummaryPeriod) return;
    const Hour hour = *std::exchange(hour_, Hour{now});
    std::string text = "in the last hour ";
    if (hour.rounds > 0) {
        text += fmt::format("{}, offsets up to {}; ", counted(hour.rounds, "round"),
                            duration_text(hour.worst_offset));
    }
    text += hour.corrections == 0
                ? "no correction"
                : fmt::format("{} of up to {}, bound up to {}", counted(hour.corrections, "correction"),
                              duration_text(hour.worst_correction), duration_text(hour.worst_bound));
    std::string_view separator = "; dropped: ";
    for (auto& [reason, drops] : drops_) {
        if (drops.this_hour == 0) continue;
        text += fmt::format("{}{} {}", separator, std::exchange(drops.this_hour, 0), reason);
        separator = ", ";
    }
    tell(Severity::info, text);
}

bool EventLog::wanted(Severity severity) const {
    return static_cast<int>(severity) >= static_cast<int>(options_.level);
}

void EventLog::tell(Severity severity, std::string_view text) {
    if (!wanted(severity) || text.empty()) return;
    tell_human_gap();
    static_cast<void>(human_->append(human_line(severity, text)));
    pump(human_);
}

/// At once, and again once a minute with the number.
void EventLog::tell_seldom(Severity severity, const std::string& key, std::string text, TrueTime now) {
    if (!wanted(severity)) return;
    if (const auto found = repeats_.find(key); found != repeats_.end()) {
        found->second.text = std::move(text);
        ++found->second.count;
        return;
    }
    tell(severity, text);
    if (repeats_.size() < kMaxRepeats) repeats_.emplace(key, Repeat{severity, std::move(text), 0, now});
}

void EventLog::tell_repeats(TrueTime now, Duration after) {
    for (auto at = repeats_.begin(); at != repeats_.end();) {
        Repeat& repeat = at->second;
        if (now - repeat.told_at < after) {
            ++at;
        } else if (repeat.count == 0) {
            at = repeats_.erase(at);
        } else {
            tell(repeat.severity,
                 fmt::format("{} ({} in the last minute)", repeat.text,
                             repeat.count == 1 ? "once more" : counted(repeat.count, "time") + " more"));
            repeat.count = 0;
            repeat.told_at = now;
            ++at;
        }
    }
}

void EventLog::write_json(std::string line, const EventStamp& stamp) {
    if (line.empty()) return;
    tell_json_gap(stamp);
    if (!json_->append(std::move(line))) {
        tell(Severity::warning, "stdout takes nothing more: JSON lines are being lost");
    }
    pump(json_);
}

void EventLog::tell_json_gap(const EventStamp& stamp) {
    const std::uint64_t lost = json_->take_lost();
    if (lost == 0) return;
    static_cast<void>(json_->append(lost_json(lost, options_.node, stamp)));
    tell(Severity::warning, fmt::format("stdout is read again; {} lost", counted(lost, "JSON line")));
}

void EventLog::tell_human_gap() {
    const std::uint64_t lost = human_->take_lost();
    if (lost == 0) return;
    const std::string text = counted(lost, "line") + " lost: nobody read stderr";
    static_cast<void>(human_->append(human_line(Severity::warning, text)));
}

std::string EventLog::human_line(Severity severity, std::string_view text) const {
    const LevelWord level = level_word(severity);
    std::string line = fmt::format("{} {}{:<7}{} {}: {}", local_time(), colour_ ? level.colour : "",
                                   level.word, colour_ ? "\x1b[m" : "", options_.node.view(), one_line(text));
    // With its end, one write(2) that no other process can tear.
    if (line.size() >= PIPE_BUF) line.replace(PIPE_BUF - 4, std::string::npos, "...");
    return line;
}

void EventLog::pump(const std::shared_ptr<LogStream>& stream) {
    if (!stream || !stream->claim()) return;
    if (!options_.run) return stream->drain(Duration{0});
    if (!options_.run([stream] { stream->drain(kDrainPatience); })) stream->release();
}

void EventLog::finish() {
    if (std::exchange(finished_, true)) return;
    const auto deadline = std::chrono::steady_clock::now() + kExitPatience;
    for (const auto& stream : {human_, json_}) pump(stream);
    for (const auto& stream : {human_, json_}) {
        if (!stream) continue;
        const Duration left = deadline - std::chrono::steady_clock::now();
        if (options_.run) {
            stream->settle(deadline);
        } else if (stream->claim()) {
            stream->drain(std::max(left, Duration{0}));
        }
    }
}

}  // namespace berkeley
