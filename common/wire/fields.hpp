// The fields of each message and of its parts, in the order of the wire: one list for the writer and the
// reader. `count` is the number of elements; of a message, the number after the header. Append only: a
// reader of an older version skips the elements that it does not know, and a newer reader does without those
// after the first `required`. docs/PROTOCOL.md documents the same.
//
// Io is a Writer, with a const part, or a Reader.
#pragma once

#include <cstdint>

#include "protocol/messages.hpp"

namespace berkeley::wire {

template <class Part>
struct Fields;

template <>
struct Fields<CandidateInfo> {
    static constexpr std::uint32_t count = 7;
    static constexpr std::uint32_t required = 5;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.name(b.id);
        io.number(b.priority);
        io.url(b.poll);
        io.url(b.publish);
        io.url(b.heartbeat);
        io.appended(b.version, std::uint64_t{0}, [&](auto& version) { io.term(version); });
        io.appended(b.age, Duration{0}, [&](auto& age) { io.length(age); });
    }
};

template <>
struct Fields<ClockMap> {
    static constexpr std::uint32_t count = 5;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.time(b.anchor_raw);
        io.time(b.anchor_cluster);
        io.rate(b.rate_ppb);
        io.duration(b.slew);
        io.number(b.slew_rate_ppb, std::int64_t{0}, kSlewRateMaxPpb);
    }
};

template <>
struct Fields<Voter> {
    static constexpr std::uint32_t count = 2;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.name(b.id);
        io.number(b.incarnation);
    }
};

template <>
struct Fields<Committee> {
    static constexpr std::uint32_t count = 3;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.term(b.term);
        io.term(b.version);
        io.list(b.voters, kMaxCommittee);
    }
};

template <>
struct Fields<MemberStatus> {
    static constexpr std::uint32_t count = 9;
    static constexpr std::uint32_t required = 8;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.name(b.id);
        io.choice(b.status, ClockStatus::disrupted);
        io.flag(b.outlier);
        io.duration(b.offset);
        io.length(b.delay);
        io.length(b.bound);
        io.number(b.freq_ppb);
        io.length(b.last_seen);
        io.appended(b.unapplied, std::uint32_t{0}, [&](auto& unapplied) { io.number(unapplied); });
    }
};

template <>
struct Fields<Hello> {
    static constexpr std::uint32_t count = 8;
    static constexpr std::uint32_t required = 6;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.incarnation);
        io.number(b.generation);
        io.rate(b.freq_ppb);
        io.name_or_none(b.leader);
        io.optional(b.candidate);
        io.part(b.committee);
        io.appended(b.leader_info, std::optional<CandidateInfo>{}, [&](auto& info) { io.optional(info); });
        io.appended(b.votes, true, [&](auto& votes) { io.flag(votes); });
    }
};

template <>
struct Fields<Welcome> {
    static constexpr std::uint32_t count = 6;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.generation);
        io.choice(b.role, Role::master);
        io.name_or_none(b.leader);
        io.length(b.interval);
        io.list(b.candidates, kMaxCandidates);
        io.flag(b.listen);
    }
};

template <>
struct Fields<Poll> {
    static constexpr std::uint32_t count = 3;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.round);
        io.number(b.probe);
        io.number(b.token);
    }
};

template <>
struct Fields<Reply> {
    static constexpr std::uint32_t count = 12;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.round);
        io.number(b.probe);
        io.number(b.token);
        io.number(b.generation);
        io.time(b.t2);
        io.stamp(b.t3);
        io.part(b.map);
        io.length(b.bound);
        io.choice(b.status, ClockStatus::disrupted);
        io.number(b.applied_term);
        io.number(b.applied_round);
        io.drift(b.drift_ppb);
    }
};

template <>
struct Fields<RoundNotice> {
    static constexpr std::uint32_t count = 5;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.round);
        io.choice(b.state, RoundState::split);
        io.number(b.members);
        io.number(b.replied);
        io.duration(b.average);
    }
};

template <>
struct Fields<Correction> {
    static constexpr std::uint32_t count = 11;
    static constexpr std::uint32_t required = 10;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.round);
        io.name(b.target);
        io.number(b.generation);
        io.number(b.basis_term);
        io.number(b.basis_round);
        io.time(b.measured_at);
        io.duration(b.correction);
        io.rate_difference(b.freq_ppb);
        io.length(b.bound);
        io.drift(b.drift_ppb);
        io.appended(b.outlier, false, [&](auto& outlier) { io.flag(outlier); });
    }
};

template <>
struct Fields<Heartbeat> {
    static constexpr std::uint32_t count = 8;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.sequence);
        io.choice(b.role, Role::master);
        io.number(b.priority);
        io.number(b.round);
        io.length(b.lease_left);
        io.part(b.committee);
        io.list(b.candidates, kMaxCandidates);
        io.length(b.timeout);
    }
};

template <>
struct Fields<Ack> {
    static constexpr std::uint32_t count = 4;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.sequence);
        io.number(b.incarnation);
        io.number(b.committee_term);
        io.number(b.committee_version);
    }
};

template <>
struct Fields<VoteRequest> {
    static constexpr std::uint32_t count = 6;
    static constexpr std::uint32_t required = 5;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.incarnation);
        io.number(b.priority);
        io.number(b.committee_term);
        io.number(b.committee_version);
        io.reserved();
        io.appended(b.timeout, Duration{0}, [&](auto& timeout) { io.length(timeout); });
    }
};

template <>
struct Fields<Grant> {
    static constexpr std::uint32_t count = 2;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.flag(b.pre_vote);
        io.number(b.incarnation);
    }
};

template <>
struct Fields<Refuse> {
    static constexpr std::uint32_t count = 3;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.choice(b.kind, RefuseKind::not_allowed);
        io.number(b.generation);
        io.text(b.reason);
    }
};

template <>
struct Fields<StepDown> {
    static constexpr std::uint32_t count = 1;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.name_or_none(b.successor);
    }
};

template <>
struct Fields<StatusRequest> {
    static constexpr std::uint32_t count = 2;
    static constexpr std::uint32_t required = 1;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.first_member);
        io.appended(b.after, NodeId{}, [&](auto& after) { io.name_or_none(after); });
    }
};

template <>
struct Fields<StatusAnswer> {
    static constexpr std::uint32_t count = 14;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.choice(b.role, Role::master);
        io.name_or_none(b.leader);
        io.number(b.round);
        io.choice(b.state, RoundState::split);
        io.choice(b.status, ClockStatus::disrupted);
        io.length(b.bound);
        io.time(b.cluster_time);
        io.number(b.disruptions);
        io.list(b.candidates, kMaxCandidates);
        io.number(b.first_member);
        io.number(b.members_total);
        io.list(b.members, kMaxStatusMembers);
        io.part(b.committee);
        io.length(b.lease_left);
    }
};

template <>
struct Fields<Forget> {
    static constexpr std::uint32_t count = 1;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.name(b.id);
    }
};

template <>
struct Fields<Bye> {
    static constexpr std::uint32_t count = 1;
    template <class Io, class Part>
    static void each(Io& io, Part& b) {
        io.number(b.generation);
    }
};

}  // namespace berkeley::wire
