// The messages of Berkeley as plain structs. wire/codec turns them into bytes.
//
// Every message has the header (cluster, sender, term). Times are raw times of the node named in the
// comment. Corrections are always relative; no message carries a time of day to be set. The constants below
// bound all strings and lists, and a decoder rejects longer ones. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/clock_map.hpp"
#include "base/clock_status.hpp"
#include "base/time.hpp"

namespace berkeley {

using Term = std::uint64_t;         ///< number of a leadership; 0: none yet
using Round = std::uint64_t;        ///< number of a Berkeley cycle within a term, from 1
using Generation = std::uint64_t;   ///< drawn at random when a process starts; names its clock
using Incarnation = std::uint64_t;  ///< random, kept in the state directory; names its persistent state

/// The largest rate difference of two clocks: both may run wrong, in opposite directions.
inline constexpr std::int64_t kDriftMaxPpb = 2 * kRateMaxPpb;
/// The longest duration on the wire, of either sign: 73 years.
inline constexpr std::int64_t kDurationMax = std::int64_t{1} << 61;
/// The highest term. The room above it lets us count a term up without overflow.
inline constexpr std::uint64_t kTermMax = std::uint64_t{1} << 62;
/// A peer that claims a term further ahead than this is not believed: so many elections do not happen
/// between two messages.
inline constexpr std::uint64_t kTermJumpMax = std::uint64_t{1} << 20;
/// A node that knows no term yet believes none above this. Otherwise one message could use up all terms, and
/// nobody could ever be elected again; this way it takes 2^41 jumps.
inline constexpr std::uint64_t kTermFirstMax = kTermMax / 2;
/// A candidate that knows no term believes its slaves none above this. It may have to lead in the next term,
/// and nodes that know none must be able to follow it.
inline constexpr std::uint64_t kTermToldFirstMax = kTermFirstMax / 2;
inline constexpr std::uint8_t kWireVersion = 1;
inline constexpr std::size_t kMaxMembers = 16384;
inline constexpr std::size_t kMaxCandidates = 8;
inline constexpr std::size_t kMaxCommittee = 9;
/// One for each endpoint that a user may give, and for each candidate that may be learned of.
inline constexpr std::size_t kMaxLinks = 2 * kMaxCandidates;
inline constexpr std::size_t kMaxStatusMembers = 32;  ///< members in one STATUS answer; the rest by paging
/// After so many rounds in which nothing came over one way, while another to the same peer works, it is told.
inline constexpr std::uint32_t kDeadEndRounds = 3;
inline constexpr std::size_t kMaxReason = 120;
using Reason = BoundedString<kMaxReason>;

enum class Role : std::uint8_t { slave, listen, standby, candidate, warmup, master };

/// The endpoints of a candidate. A higher `priority` takes over sooner. Of two descriptions the one with the
/// higher `version` is the newer, which only the candidate itself raises.
struct CandidateInfo {
    NodeId id;
    std::int32_t priority = 0;
    Url poll;
    Url publish;
    Url heartbeat;
    std::uint64_t version = 0;
    Duration age{0};  ///< since the teller, or whom it has this from, heard the candidate itself
    friend bool operator==(const CandidateInfo&, const CandidateInfo&) = default;
};

/// A voter is named by id and incarnation: a node that lost its state is a new voter.
struct Voter {
    NodeId id;
    Incarnation incarnation = 0;
    friend bool operator==(const Voter&, const Voter&) = default;
};

/// The voters, numbered (term, version).
struct Committee {
    Term term = 0;
    std::uint64_t version = 0;
    std::vector<Voter> voters;  ///< at most kMaxCommittee
    friend bool operator==(const Committee&, const Committee&) = default;
};

struct Header {
    ClusterName cluster;
    NodeId sender;
    Term term = 0;
    friend bool operator==(const Header&, const Header&) = default;
};

/// Slave -> candidate, over the DEALER, until it is welcomed, and again after silence.
struct Hello {
    Incarnation incarnation = 0;
    Generation generation = 0;
    std::int64_t freq_ppb = 0;                 ///< the rate of the sender's clock map
    NodeId leader;                             ///< the master that the sender follows; empty: none
    std::optional<CandidateInfo> candidate;    ///< where the sender is a candidate itself
    Committee committee;                       ///< the newest that the sender knows; term 0: none known
    std::optional<CandidateInfo> leader_info;  ///< of `leader`, where its endpoints are known
    bool votes = true;                         ///< false: never ask the sender to be a voter
    friend bool operator==(const Hello&, const Hello&) = default;
};

/// Candidate -> slave: welcome to the roster; sent again when the candidates change.
struct Welcome {
    Generation generation = 0;  ///< echo of the HELLO
    Role role = Role::slave;    ///< of the sender
    NodeId leader;              ///< empty: none known
    Duration interval{0};
    std::vector<CandidateInfo> candidates;  ///< the sender first; at most kMaxCandidates
    bool listen = false;  ///< the receiver is asked to hear heartbeats and to acknowledge them
    friend bool operator==(const Welcome&, const Welcome&) = default;
};

/// Master -> slave: one probe. The token is random, so a reply to a probe that was never sent is recognised.
struct Poll {
    Round round = 0;
    std::uint32_t probe = 0;
    std::uint64_t token = 0;
    friend bool operator==(const Poll&, const Poll&) = default;
};

/// Slave -> master.
struct Reply {
    Round round = 0;
    std::uint32_t probe = 0;
    std::uint64_t token = 0;
    Generation generation = 0;
    RawTime t2{};       ///< slave's raw time right after the POLL was received
    RawTime t3{};       ///< slave's raw time right before this is sent; stamped by the transport
    ClockMap map;       ///< the slave's clock; its floor does not travel
    Duration bound{0};  ///< the slave's own claim of its error bound, at t3
    ClockStatus status = ClockStatus::unsynchronized;
    Term applied_term = 0;  ///< the last correction that was applied: (0, 0) for none
    Round applied_round = 0;
    std::int64_t drift_ppb = 0;  ///< how fast the bound grows
    friend bool operator==(const Reply&, const Reply&) = default;
};

enum class RoundState : std::uint8_t { gathering, cold_start, steady, degraded, split };

/// Master -> all, over PUB: the round's outcome.
struct RoundNotice {
    Round round = 0;
    RoundState state = RoundState::gathering;
    std::uint32_t members = 0;
    std::uint32_t replied = 0;
    Duration average{0};  ///< A: the average of the offsets; > 0: the ensemble is ahead of the master
    friend bool operator==(const RoundNotice&, const RoundNotice&) = default;
};

/// Master -> one slave, over PUB on the slave's topic.
struct Correction {
    Round round = 0;
    NodeId target;
    Generation generation = 0;  ///< of the slave's clock as it was measured
    Term basis_term = 0;        ///< the last correction that the measured clock had applied
    Round basis_round = 0;
    RawTime measured_at{};       ///< slave's raw time to which the bound belongs
    Duration correction{0};      ///< to be added to the slave's clock
    std::int64_t freq_ppb = 0;   ///< to be added to the slave's rate
    Duration bound{0};           ///< half-width of the error at measured_at once slewed: e_i + a_master
    std::int64_t drift_ppb = 0;  ///< the bound grows with age by at least this
    bool outlier = false;        ///< the round's verdict: the others disagree with the slave's clock
    friend bool operator==(const Correction&, const Correction&) = default;
};

/// Candidate -> candidates and voters, over the heartbeat PUB.
struct Heartbeat {
    std::uint64_t sequence = 0;
    Role role = Role::listen;
    std::int32_t priority = 0;
    Round round = 0;
    Duration lease_left{0};
    Committee committee;
    std::vector<CandidateInfo> candidates;
    Duration timeout{0};  ///< the sender's D: its lease relies on voters that stay silent for so long
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// Voter -> master, over the DEALER: this heartbeat was heard.
struct Ack {
    std::uint64_t sequence = 0;
    Incarnation incarnation = 0;
    Term committee_term = 0;
    std::uint64_t committee_version = 0;
    friend bool operator==(const Ack&, const Ack&) = default;
};

/// Candidate -> voter, over the ROUTER. The header's term is the term that the candidate asks for; in a
/// PREVOTE, the term it would ask for.
struct VoteRequest {
    bool pre_vote = false;  ///< PREVOTE or VOTE
    Incarnation incarnation = 0;
    std::int32_t priority = 0;
    Term committee_term = 0;
    std::uint64_t committee_version = 0;
    Duration timeout{0};  ///< the asker's D, on which its lease will rely; 0: not told
    friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};

/// Voter -> candidate: the vote is given.
struct Grant {
    bool pre_vote = false;
    Incarnation incarnation = 0;
    friend bool operator==(const Grant&, const Grant&) = default;
};

enum class RefuseKind : std::uint8_t { name_in_use, roster_full, old_term, vote, pre_vote, not_allowed };

/// Any -> any: a refusal with its reason. The header's term is the sender's own.
struct Refuse {
    RefuseKind kind = RefuseKind::not_allowed;
    Generation generation = 0;  ///< echo of what was refused, where it had one
    Reason reason;
    friend bool operator==(const Refuse&, const Refuse&) = default;
};

/// Master -> all, over both PUBs: the sender no longer leads.
struct StepDown {
    NodeId successor;  ///< empty: none named
    friend bool operator==(const StepDown&, const StepDown&) = default;
};

/// berkeleyctl -> candidate. It asks for the members page by page, in the order of their names.
struct StatusRequest {
    std::uint32_t first_member = 0;  ///< the number of members that it has seen
    NodeId after;                    ///< the last of them; empty: from the first on
    friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};

struct MemberStatus {
    NodeId id;
    ClockStatus status = ClockStatus::unsynchronized;
    bool outlier = false;
    Duration offset{0};  ///< as measured before the last correction, member minus master
    Duration delay{0};
    Duration bound{0};
    std::int64_t freq_ppb = 0;    ///< of the member's oscillator relative to the master's
    Duration last_seen{0};        ///< age
    std::uint32_t unapplied = 0;  ///< corrections in a row that it has answered after, and not applied
    friend bool operator==(const MemberStatus&, const MemberStatus&) = default;
};

struct StatusAnswer {
    Role role = Role::listen;
    NodeId leader;
    Round round = 0;
    RoundState state = RoundState::gathering;
    ClockStatus status = ClockStatus::unsynchronized;
    Duration bound{0};
    ClusterTime cluster_time{};
    std::uint64_t disruptions = 0;
    std::vector<CandidateInfo> candidates;
    std::uint32_t first_member = 0;
    std::uint32_t members_total = 0;
    std::vector<MemberStatus> members;  ///< at most kMaxStatusMembers, from first_member on
    Committee committee;
    Duration lease_left{0};  ///< of a leader's lease; 0: none
    friend bool operator==(const StatusAnswer&, const StatusAnswer&) = default;
};

/// Any -> candidate: the sender leaves.
struct Bye {
    Generation generation = 0;
    friend bool operator==(const Bye&, const Bye&) = default;
};

/// berkeleyctl -> candidate: forget a candidate that is gone for good.
struct Forget {
    NodeId id;
    friend bool operator==(const Forget&, const Forget&) = default;
};

using Body = std::variant<Hello, Welcome, Poll, Reply, RoundNotice, Correction, Heartbeat, Ack, VoteRequest,
                          Grant, Refuse, StepDown, StatusRequest, StatusAnswer, Bye, Forget>;

struct Message {
    Header header;
    Body body;
    friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace berkeley
