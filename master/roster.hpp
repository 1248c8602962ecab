// Roster: the members of the cluster, by name and by the route of their messages.
//
// A name belongs to the first node that claims it. A second claimant (another generation) starts a
// challenge: the master polls the holder at once. If the holder answers, the newcomer is refused. If it is
// gone or silent for kChallengePatience, the newcomer gets the name: it is the restarted slave. A new
// generation over the holder's own connection is the holder itself with a new clock. A candidate that does
// not lead may not poll, and there the newest claimant wins. Bounded by max_members. Pure; not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "estimate/estimator.hpp"
#include "protocol/actions.hpp"

namespace berkeley {

inline constexpr Duration kChallengePatience = std::chrono::milliseconds{150};
/// A claimant greets four times a second. Later it is another claim, and the holder is asked again.
inline constexpr Duration kChallengeExpires = std::chrono::seconds{2};

/// The fate of one probe's token. It tells a late or duplicate reply from a forged one.
enum class ProbeFate : std::uint8_t { none, pending, answered, expired };

struct Burst {
    bool active = false;
    std::uint32_t probe = 0;
    std::uint64_t token = 0;
    std::uint64_t previous_token = 0;  ///< the token of the probe before
    std::uint32_t lost_in_a_row = 0;
    ProbeFate fate = ProbeFate::none;
    RawTime t1{};
    RawTime probe_deadline{};
    RawTime deadline{};
    std::vector<Sample> samples;  ///< at most kMaxBurst
    std::size_t warmup = 0;       ///< how many of them are first probes, which only warm the path
};

struct Member {
    NodeId id;
    Route route = 0;
    Generation generation = 0;
    Incarnation incarnation = 0;
    std::optional<CandidateInfo> candidate;
    NodeId follows;       ///< the leader that it hears, as of its last HELLO
    Committee committee;  ///< that it remembers, as of its last HELLO
    bool votes = true;
    RawTime heard_at{};
    RawTime joined_at{};  ///< when it joined with this generation

    OffsetEstimator estimator;
    Duration delay_usual{0};  ///< smoothed; 0: none yet
    Burst burst;
    std::optional<Measurement> measurement;  ///< of the present round
    std::optional<Reply> reply;              ///< the newest
    Duration jump{0};                        ///< that the present measurement shows against the last
    bool gated = false;                      ///< the estimator has rejected the present measurement
    bool replied_in_term = false;
    bool in_round = false;
    std::uint32_t missed = 0;
    bool answers_late = false;  ///< in the last rounds an answer came after its probe was given up

    Round corrected_round = 0;    ///< of the last correction in this term; 0: none
    std::uint32_t unapplied = 0;  ///< corrections in a row that it answered after, and has not applied

    bool falseticker = false;
    std::uint32_t agreeing_rounds = 0;  ///< since it was a falseticker
    PeerResult last;

    std::uint64_t challenge_token = 0;  ///< 0: not challenged
    RawTime challenged_at{};
    Generation refused = 0;  ///< the newest claimant that was refused, to log it once
};

class Roster {
public:
    enum class Claim : std::uint8_t { joined, known, pending, name_in_use, full };

    explicit Roster(std::size_t max_members) : max_members_(max_members) {}
    Roster(const Roster&) = delete;
    Roster& operator=(const Roster&) = delete;

    /// Called with each member just before the roster forgets it, whatever the reason.
    std::function<void(Member&)> on_leave;

    /// Requires: is_valid_name(id). `leads` says whether this candidate polls. On `pending` the caller polls
    /// the holder of the name with its challenge_token, which the first claim sets.
    Claim on_hello(const NodeId& id, Route route, const Hello& hello, bool leads, std::uint64_t new_token,
                   RawTime now);
    void remove(const NodeId& id);

    Member* by_route(Route route);
    Member* by_id(const NodeId& id);
    std::size_t size() const { return members_.size(); }
    /// In the order of names, so that a seed gives the same run everywhere.
    auto& members() { return members_; }
    const auto& members() const { return members_; }

private:
    static void note_greeting(Member& member, const Hello& hello, RawTime now);
    void admit(const NodeId& id, Route route, const Hello& hello, RawTime now);

    std::size_t max_members_;
    std::map<NodeId, std::unique_ptr<Member>> members_;
    std::unordered_map<Route, Member*> routes_;
};

}  // namespace berkeley
