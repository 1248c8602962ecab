// Messages as a hostile or broken peer may make them, from few bytes: each field is either something that the
// nodes under test said or know (so that the message gets past the checks that only an honest peer would
// pass), something near it, or any value at all that a decoder lets through.
#pragma once

#include <array>
#include <initializer_list>
#include <limits>

#include "protocol/messages.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace berkeley::fuzz {

/// What is known of the nodes under test.
struct Known {
    ClusterName cluster;
    RawTime now{};
    Poll poll;                   ///< the last one sent
    std::uint64_t sequence = 0;  ///< of the last heartbeat
    Round round = 0;
    std::array<Term, 3> terms{};              ///< the candidate's, the slave's, the last applied
    std::array<Generation, 4> generations{};  ///< the two nodes' own, and those of two peers
    std::array<Committee, 2> committees;      ///< that the two nodes know
    Term applied_term = 0;                    ///< by the slave
    Round applied_round = 0;
};

inline constexpr std::size_t kPeers = 12;
inline constexpr Incarnation kOwnIncarnation = 7;

/// "m1" and "s1" are the nodes under test.
inline NodeId peer_name(std::size_t index) {
    static constexpr std::array<std::string_view, kPeers> kNames{"m1", "s1", "m2", "m3", "s2", "s3",
                                                                 "s4", "s5", "s6", "s7", "s8", "s9"};
    return node_id(kNames[index % kPeers]);
}

inline CandidateInfo peer_info(std::size_t index) {
    const auto url = [&](char last) {
        return *Url::from("tcp://10.0.0." + std::to_string(index + 1) + ":525" + std::string(1, last));
    };
    return {peer_name(index), static_cast<std::int32_t>(index) - 6, url('0'), url('1'), url('2')};
}

inline Incarnation peer_incarnation(std::size_t index) { return index < 2 ? kOwnIncarnation : 100 + index; }

class MessageMaker {
public:
    MessageMaker(Input& in, const Known& known) : in_(in), known_(known) {}

    Message make() {
        const std::uint8_t type = in_.byte();
        const std::uint8_t sender = in_.byte();
        return {{known_.cluster, peer_name(sender % kPeers), term()}, body(type % 15, sender % kPeers)};
    }

private:
    template <class Number>
    Number one_of(std::initializer_list<Number> values) {
        const std::uint8_t which = in_.byte();
        // Above the list: a value of its own, or one beside those.
        if (which < 128) return values.begin()[which % values.size()];
        if (which < 192)
            return static_cast<Number>(values.begin()[which % values.size()] +
                                       static_cast<Number>(which % 5 - 2));
        Number value = 0;
        for (int i = 0; i < 4; ++i) value = static_cast<Number>(value << 16 | in_.word());
        return value;
    }
    std::int64_t within(std::int64_t low, std::int64_t high, std::initializer_list<std::int64_t> values) {
        return std::clamp(one_of<std::int64_t>(values), low, high);
    }
    std::uint64_t number(std::initializer_list<std::uint64_t> values) {
        return one_of<std::uint64_t>(values);
    }
    Term term() {
        return std::min(kTermMax,
                        number({known_.terms[0], known_.terms[1], known_.terms[0] + 1, known_.terms[2], 0,
                                known_.terms[0] + kTermJumpMax, kTermFirstMax, kTermMax}));
    }
    Generation generation() {
        return number(
            {known_.generations[0], known_.generations[1], known_.generations[2], known_.generations[3]});
    }
    Round round() {
        return number({known_.round, known_.poll.round, known_.applied_round + 1, known_.applied_round, 1});
    }
    Duration duration(bool signed_too = true) {
        const std::int64_t least = signed_too ? -kDurationMax : 0;
        return Duration{
            within(least, kDurationMax,
                   {0, 1000, 1'000'000, 250'000'000, 3'000'000'000, -5000, kDurationMax, -kDurationMax})};
    }
    RawTime time() {
        const std::int64_t now = to_ns(known_.now);
        return from_ns<RawTime>(
            within(-kRawTimeMax + 1, kRawTimeMax - 1,
                   {now, now - 50'000, now + 1000, 0, kRawTimeMax - 1, -kRawTimeMax + 1}));
    }
    std::int64_t rate() {
        return within(-kRateMaxPpb, kRateMaxPpb, {0, 30'000, -30'000, kRateMaxPpb, -kRateMaxPpb});
    }
    std::int64_t drift() { return within(0, kDriftMaxPpb, {50'000, 0, kDriftMaxPpb}); }
    bool flag() { return (in_.byte() & 1U) != 0; }
    template <class Enum>
    Enum choice(Enum last) {
        return static_cast<Enum>(in_.byte() % (static_cast<unsigned>(last) + 1));
    }
    NodeId name(bool may_be_empty = false) {
        const std::uint8_t which = in_.byte();
        return may_be_empty && which % 13 == 12 ? NodeId{} : peer_name(which % kPeers);
    }
    CandidateInfo candidate() {
        CandidateInfo info = peer_info(in_.byte() % kPeers);
        info.version = in_.byte() % 4;
        if (flag()) info.poll = info.publish = peer_info(in_.byte() % kPeers).poll;  // it has moved
        if (flag()) info.age = std::chrono::hours{in_.byte() % 32};
        return info;
    }
    std::vector<CandidateInfo> candidates(std::size_t first) {
        std::vector<CandidateInfo> all{peer_info(first)};
        for (std::size_t more = in_.byte() % kMaxCandidates; more > 0; --more) all.push_back(candidate());
        return all;
    }
    Committee committee() {
        const std::uint8_t which = in_.byte();
        if (which < 64) return known_.committees[which % 2];
        Committee made{term(), number({1, 2, known_.committees[0].version + 1}), {}};
        made.version = std::min(made.version, std::uint64_t{1} << 62);
        for (std::size_t voters = which % (kMaxCommittee + 1); voters > 0; --voters) {
            const std::size_t peer = in_.byte() % kPeers;
            made.voters.push_back({peer_name(peer), incarnation(peer)});
        }
        return made;
    }
    Incarnation incarnation(std::size_t peer) { return number({peer_incarnation(peer), kOwnIncarnation, 0}); }
    ClockMap map() {
        ClockMap made;
        made.anchor_raw = time();
        made.anchor_cluster = from_ns<ClusterTime>(
            within(0, kClusterTimeMax - 1, {86'400'000'000'000, 90'000'000'000'000, 0, kClusterTimeMax - 1}));
        made.rate_ppb = rate();
        made.slew = duration();
        made.slew_rate_ppb = within(0, kSlewRateMaxPpb, {500'000, 0, kSlewRateMaxPpb});
        return made;
    }

    Body body(std::size_t type, std::size_t sender) {
        switch (type) {
            case 0: {
                Hello hello{incarnation(sender), generation(), rate(), name(true), {}, committee(), {}, true};
                if (flag()) hello.candidate = flag() ? peer_info(sender) : candidate();
                if (flag()) hello.leader_info = candidate();
                hello.votes = flag();
                return hello;
            }
            case 1:
                return Welcome{generation(),    choice(Role::master), name(true),
                               duration(false), candidates(sender),   flag()};
            case 2:
                return Poll{round(), in_.byte(), number({known_.poll.token, 5})};
            case 3: {
                Reply reply{known_.poll.round,
                            known_.poll.probe,
                            number({known_.poll.token, 5}),
                            generation(),
                            time(),
                            time(),
                            map(),
                            duration(false),
                            choice(ClockStatus::disrupted),
                            term(),
                            round(),
                            drift()};
                if (flag()) reply.round = round();
                return reply;
            }
            case 4:
                return RoundNotice{round(), choice(RoundState::split), in_.byte(), in_.byte(), duration()};
            case 5:
                return Correction{round(),
                                  name(),
                                  generation(),
                                  number({known_.applied_term, known_.terms[1]}),
                                  number({known_.applied_round, 0}),
                                  time(),
                                  duration(),
                                  within(-2 * kRateMaxPpb, 2 * kRateMaxPpb,
                                         {0, 100, -100, 2 * kRateMaxPpb, -2 * kRateMaxPpb}),
                                  duration(false),
                                  drift()};
            case 6:
                return Heartbeat{number({known_.sequence, 1}),
                                 choice(Role::master),
                                 in_.byte(),
                                 round(),
                                 duration(false),
                                 committee(),
                                 candidates(sender),
                                 duration(false)};
            case 7:
                return Ack{number({known_.sequence, known_.sequence - 1}), incarnation(sender), term(),
                           number({known_.committees[0].version, 1})};
            case 8:
                return VoteRequest{flag(), incarnation(sender), in_.byte(), term(),
                                   number({known_.committees[1].version, 1})};
            case 9:
                return Grant{flag(), incarnation(sender)};
            case 10:
                return Refuse{choice(RefuseKind::not_allowed), generation(), *Reason::from("fuzz")};
            case 11:
                return StepDown{name(true)};
            case 12:
                return StatusRequest{in_.byte(), name(true)};
            case 13: {
                StatusAnswer answer;
                answer.candidates = candidates(sender);
                answer.committee = committee();
                return answer;
            }
            case 14:
                return Bye{generation()};
            default:
                return Forget{name(false)};
        }
    }

    Input& in_;
    const Known& known_;
};

}  // namespace berkeley::fuzz
