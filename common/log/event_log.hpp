// EventLog: what the user sees. Each event becomes one JSON line on stdout (where --json is given) and, where
// it is worth one, a line in plain words on stderr.
//
// A reader of stdout that is slow, gone or out of space must not stop the daemon: lines wait in a bounded
// backlog that is written only as far as it can be without waiting; whole lines are lost when it is full, and
// the number of the lost ones is told. Dropped input is reported once a second per reason at most: a flood of
// garbage must not become a flood of lines. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "protocol/events.hpp"

namespace berkeley {

/// What stands in every line, as of the event.
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
};

/// Name and URL: {"poll", "tcp://127.0.0.1:5250"}.
using NamedEndpoints = std::vector<std::pair<std::string, std::string>>;

class EventLog {
public:
    /// Ignores SIGPIPE, for the whole process.
    explicit EventLog(const EventLogOptions& options);
    ~EventLog();
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

    void log(const Event& event, const EventStamp& stamp);

    /// All sockets are bound and the node works.
    void ready(const NamedEndpoints& endpoints, const EventStamp& stamp);

    /// The last line. Waits for a slow reader for a second at most.
    void exit(int code, std::string_view reason, const EventStamp& stamp);

    /// Reports pending drops and writes what is left of the backlog. To be called once a second or so.
    void tick(const EventStamp& stamp);

    /// For people only.
    void note(Severity severity, std::string_view text);

private:
    struct Human;
    struct PendingDrop {
        std::uint64_t count = 0;
        TrueTime reported_at = TrueTime::min();
    };

    void drop(const DroppedEvent& event, const EventStamp& stamp);
    void report_drop(const std::string& reason, PendingDrop& pending, const EventStamp& stamp);
    void write_line(std::string line);
    void flush_backlog(Duration patience);

    EventLogOptions options_;
    std::unique_ptr<Human> human_;
    std::map<std::string, PendingDrop, std::less<>> drops_;
    std::string backlog_;
    std::uint64_t lost_lines_ = 0;
    bool json_open_;
};

/// The line in plain words, without a time; empty where the event is worth none. What log() writes to stderr.
std::string human_text(const Event& event, const EventStamp& stamp);

std::string_view to_string(Role role);
std::string_view to_string(ClockStatus status);
std::string_view to_string(RoundState state);
std::string_view to_string(Applied applied);

}  // namespace berkeley
