// EventLog: what the user sees: lines in plain words on stderr and, where --json is given, one JSON line for
// each event on stdout.
//
// Nothing here waits: lines go into two bounded queues (log_stream.hpp), and a job that options.run starts
// elsewhere writes them. People are told of changes only: at level info a cluster in which nothing changes
// logs one line an hour. A line that would come again and again, such as a dropped message, is told once a
// minute with its number. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "log/log_stream.hpp"
#include "log/round_watch.hpp"
#include "protocol/events.hpp"

namespace berkeley {

/// These fields stand in every line, as of the event.
struct EventStamp {
    Term term = 0;
    TrueTime raw{};
    ClusterTime cluster{};
};

struct EventLogOptions {
    NodeId node;
    bool json = false;
    LogLevel level = LogLevel::info;
    int json_fd = 1;
    int human_fd = 2;
    /// Runs a job that may wait, soon and on another thread; false: not now. Without it the log itself writes
    /// as much as its readers take at once.
    std::function<bool(std::function<void()>)> run = {};
    std::int64_t max_drift_ppb = 0;  ///< of any oscillator; 0: not watched
};

/// Name and URL: {"poll", "tcp://127.0.0.1:5250"}.
using NamedEndpoints = std::vector<std::pair<std::string, std::string>>;

class EventLog {
public:
    /// Ignores SIGPIPE, for the whole process.
    explicit EventLog(const EventLogOptions& options);
    /// Where exit() was not called it waits for slow readers as that does.
    ~EventLog();
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

    void log(const Event& event, const EventStamp& stamp);

    /// All sockets are bound and the node works.
    void ready(const NamedEndpoints& endpoints, const EventStamp& stamp);

    /// The last line. Waits for slow readers, 300 ms at most in all.
    void exit(int code, std::string_view reason, const EventStamp& stamp);

    /// Tells what is due and has stalled streams tried again. To be called once a second or so.
    void tick(const EventStamp& stamp);

    /// For people only.
    void note(Severity severity, std::string_view text);

private:
    struct Drops {
        std::uint64_t for_json = 0;
        std::uint64_t for_people = 0;
        std::uint64_t this_hour = 0;
        TrueTime json_at{};
        TrueTime people_at{};
        std::string from{};  ///< the last that is known
    };
    struct Repeat {
        Severity severity;
        std::string text;
        std::uint64_t count;
        TrueTime told_at;
    };
    struct Hour {
        TrueTime since{};
        std::uint64_t rounds = 0;
        std::uint64_t corrections = 0;
        Duration worst_offset{0};
        Duration worst_correction{0};
        Duration worst_bound{0};
    };

    void hear(const RoundEvent& event, const EventStamp& stamp);
    void hear(const CorrectionEvent& event, const EventStamp& stamp);
    void hear(const StatusEvent& event, const EventStamp& stamp);
    void hear(const RoleEvent& event, const EventStamp& stamp);
    void hear(const MemberEvent& event, const EventStamp& stamp);
    void hear(const VoteEvent& event, const EventStamp& stamp);
    void hear(const CommitteeEvent& event, const EventStamp& stamp);
    void hear(const DeadEndEvent& event, const EventStamp& stamp);
    void hear(const DroppedEvent& event, const EventStamp& stamp);
    void hear(const NoteEvent& event, const EventStamp& stamp);
    void hear(const SystemClockEvent& event, const EventStamp& stamp);

    bool wanted(Severity severity) const;
    void tell(Severity severity, std::string_view text);
    void tell_seldom(Severity severity, const std::string& key, std::string text, TrueTime now);
    void tell_repeats(TrueTime now, Duration after);
    void tell_drops(const std::string& reason, Drops& drops, const EventStamp& stamp, bool all);
    void tell_hour(TrueTime now);
    void write_json(std::string line, const EventStamp& stamp);
    void tell_json_gap(const EventStamp& stamp);
    void tell_human_gap();
    std::string human_line(Severity severity, std::string_view text) const;
    void pump(const std::shared_ptr<LogStream>& stream);
    void finish();

    EventLogOptions options_;
    bool colour_;
    std::shared_ptr<LogStream> human_;
    std::shared_ptr<LogStream> json_;  ///< null: not wanted, or its reader is gone
    std::map<std::string, Drops, std::less<>> drops_;
    std::map<std::string, Repeat, std::less<>> repeats_;
    RoundWatch watch_{options_.max_drift_ppb};
    std::optional<Hour> hour_;
    std::optional<Role> role_;
    ClockStatus status_ = ClockStatus::unsynchronized;
    bool was_synchronized_ = false;
    bool refusing_ = false;
    bool finished_ = false;
    TrueTime now_{};  ///< of the last event
};

std::string_view to_string(Role role);
std::string_view to_string(ClockStatus status);
std::string_view to_string(RoundState state);
std::string_view to_string(Applied applied);

}  // namespace berkeley
