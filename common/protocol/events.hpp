// Events: what the cores tell the user. log/event_log prints each as one JSON line (--json) and, where
// people need it, as a line in plain words. Names and fields are a contract with scripts: append-only. Plain
// values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"

namespace berkeley {

struct MemberEvent {
    NodeId id;
    bool joined = false;  ///< or left
    std::string reason;   ///< for people: "restarted", "silent for 3 rounds", "said goodbye"
};

struct RoleEvent {
    Role role = Role::listen;
    std::string reason;
};

/// A voter refused its vote. The RoleEvent's reason counts the votes that were given.
struct VoteEvent {
    NodeId voter;
    bool granted = false;
    std::string reason;
};

/// The committee that this candidate knows has changed.
struct CommitteeEvent {
    Committee committee;
};

struct PeerResult {
    NodeId id;
    Duration offset{0};  ///< as measured before this round's correction, slave minus master
    Duration delay{0};
    Duration bound{0};
    Duration correction{0};
    std::int64_t freq_ppb = 0;  ///< of the peer's oscillator relative to the master's
    bool outlier = false;
};

struct RoundEvent {
    Round round = 0;
    RoundState state = RoundState::gathering;
    std::uint32_t members = 0;
    std::uint32_t replied = 0;
    Duration average{0};
    Duration duration{0};
    std::vector<PeerResult> peers;  ///< those that replied
};

struct CorrectionEvent {
    Round round = 0;
    Duration correction{0};
    std::int64_t freq_ppb = 0;
    Applied applied = Applied::slew;
    Duration bound{0};
    ClockStatus status = ClockStatus::unsynchronized;
    std::string reason;  ///< where refused
};

struct StatusEvent {
    ClockStatus status = ClockStatus::unsynchronized;
    std::string reason;
};

/// A way over which nothing comes, while another to the same peer works. Told once until something comes.
struct DeadEndEvent {
    std::string_view way;  ///< a literal: "publish", "heartbeat", or "member" for one that applies nothing
    NodeId id;             ///< the peer
    Url url;               ///< the endpoint that this is about
    std::string reason;    ///< for people
};

/// Malformed, hostile or late input, counted by reason. The log prints each reason once a second at most.
struct DroppedEvent {
    std::string_view reason;  ///< a literal
    std::uint64_t count = 1;
    /// The address that the last one came from, and its cluster where that is another; empty: unknown.
    std::string from{};
};

/// With --clock system: how CLOCK_REALTIME follows.
struct SystemClockEvent {
    Duration residual{0};        ///< cluster time less CLOCK_REALTIME
    std::int64_t freq_ppb = 0;   ///< as the kernel runs now
    std::int64_t plain_ppb = 0;  ///< the part of it that stays when nobody steers any more
    bool limited = false;        ///< the clock cannot be moved as fast as is wanted
    Duration stepped{0};         ///< by this node
    Duration moved{0};           ///< by somebody else
    std::uint64_t rivals = 0;    ///< how often somebody else was seen to steer or move the clock
    bool astray = false;         ///< farther off than the error bound for too long
};

enum class Severity : std::uint8_t { debug, info, warning, error };
/// The least severity that the log prints.
enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

/// For people only.
struct NoteEvent {
    Severity severity = Severity::info;
    std::string text;
};

using Event = std::variant<MemberEvent, RoleEvent, VoteEvent, CommitteeEvent, RoundEvent, CorrectionEvent,
                           StatusEvent, DeadEndEvent, DroppedEvent, NoteEvent, SystemClockEvent>;

}  // namespace berkeley
