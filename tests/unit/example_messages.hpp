// One message of each type with every field set, as docs/PROTOCOL.md shows them; the codec's tests start from
// them too. The values are arbitrary but plausible, and each differs from its neighbours, so that two fields
// of one type that change places are seen.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"

namespace berkeley::testing {

inline ClusterName example_cluster() { return *ClusterName::from("lab"); }
inline constexpr Term kExampleTerm = 3;

inline Message example(std::string_view sender, Body body) {
    return {{example_cluster(), node_id(sender), kExampleTerm}, std::move(body)};
}

inline CandidateInfo example_candidate(std::string_view id, std::int32_t priority, std::string_view port) {
    const auto url = [&](std::string_view last) {
        return *Url::from("tcp://10.0.0.1:" + std::string(port) + std::string(last));
    };
    return {node_id(id), priority, url("0"), url("1"), url("2"), 0, Duration{0}};
}
inline CandidateInfo first_candidate() {
    CandidateInfo info = example_candidate("m1", 100, "525");
    info.version = 2;
    return info;
}
inline CandidateInfo second_candidate() {
    CandidateInfo info = example_candidate("m2", -50, "526");
    info.version = 5;
    info.age = std::chrono::milliseconds{1500};
    return info;
}

inline ClockMap example_map() {
    return {.anchor_raw = from_ns<RawTime>(86'400'000'000'000),
            .anchor_cluster = from_ns<ClusterTime>(1'767'225'600'000'000'000),
            .rate_ppb = -30'000,
            .slew = Duration{-2'500},
            .slew_rate_ppb = 500'000};
}

struct Example {
    std::string_view name;  ///< the type, as the document's headings have it
    Message message;
};

inline std::vector<Example> example_messages() {
    std::vector<Example> all;
    const auto add = [&](std::string_view name, std::string_view sender, Body body) {
        all.push_back({name, example(sender, std::move(body))});
    };
    add("HELLO", "s1",
        Hello{.incarnation = 0x1122334455667788,
              .generation = 0x99aabbccddeeff01,
              .freq_ppb = -30'000,
              .leader = node_id("m1"),
              .candidate = second_candidate(),
              .committee = {3, 4, {{node_id("m1"), 7}}},
              .leader_info = first_candidate(),
              .votes = false});
    add("WELCOME", "m1",
        Welcome{.generation = 0x99aabbccddeeff01,
                .role = Role::master,
                .leader = node_id("m1"),
                .interval = std::chrono::milliseconds{250},
                .candidates = {first_candidate(), second_candidate()},
                .listen = true});
    add("POLL", "m1", Poll{.round = 17, .probe = 5, .token = 0xdeadbeefcafef00d});
    add("REPLY", "s1",
        Reply{.round = 17,
              .probe = 5,
              .token = 0xdeadbeefcafef00d,
              .generation = 0x99aabbccddeeff01,
              .t2 = from_ns<RawTime>(86'400'001'000'000),
              .t3 = from_ns<RawTime>(86'400'001'020'000),
              .map = example_map(),
              .bound = Duration{84'000},
              .status = ClockStatus::synchronized,
              .applied_term = 2,
              .applied_round = 16,
              .drift_ppb = 50'000});
    add("ROUND", "m1",
        RoundNotice{.round = 17,
                    .state = RoundState::steady,
                    .members = 6,
                    .replied = 5,
                    .average = Duration{-1'200}});
    add("CORRECTION", "m1",
        Correction{.round = 17,
                   .target = node_id("s1"),
                   .generation = 0x99aabbccddeeff01,
                   .basis_term = 2,
                   .basis_round = 16,
                   .measured_at = from_ns<RawTime>(86'400'001'020'000),
                   .correction = Duration{-3'100},
                   .freq_ppb = 120,
                   .bound = Duration{61'000},
                   .drift_ppb = 50'000,
                   .outlier = true});
    add("HEARTBEAT", "m1",
        Heartbeat{.sequence = 420,
                  .role = Role::master,
                  .priority = 100,
                  .round = 17,
                  .lease_left = std::chrono::milliseconds{500},
                  .committee = {.term = 3,
                                .version = 9,
                                .voters = {{node_id("m1"), 71}, {node_id("m2"), 72}, {node_id("s1"), 73}}},
                  .candidates = {first_candidate()},
                  .timeout = std::chrono::milliseconds{500}});
    add("ACK", "s1", Ack{.sequence = 420, .incarnation = 73, .committee_term = 3, .committee_version = 9});
    const VoteRequest ask{.pre_vote = true,
                          .incarnation = 72,
                          .priority = -50,
                          .committee_term = 2,
                          .committee_version = 9,
                          .timeout = std::chrono::milliseconds{500}};
    add("PREVOTE", "m2", ask);
    VoteRequest vote = ask;
    vote.pre_vote = false;
    add("VOTE", "m2", vote);
    add("GRANT", "s1", Grant{.pre_vote = true, .incarnation = 73});
    add("REFUSE", "m1",
        Refuse{.kind = RefuseKind::roster_full,
               .generation = 0x99aabbccddeeff01,
               .reason = *Reason::from("the roster is full (16384 members)")});
    add("STEPDOWN", "m1", StepDown{.successor = node_id("m2")});
    add("STATUS_REQUEST", "ctl-4711", StatusRequest{.first_member = 32, .after = node_id("s32")});
    add("STATUS_ANSWER", "m1",
        StatusAnswer{.role = Role::master,
                     .leader = node_id("m1"),
                     .round = 17,
                     .state = RoundState::steady,
                     .status = ClockStatus::synchronized,
                     .bound = Duration{45'000},
                     .cluster_time = from_ns<ClusterTime>(1'767'225'601'000'000'000),
                     .disruptions = 4,
                     .candidates = {first_candidate()},
                     .first_member = 32,
                     .members_total = 34,
                     .members = {{.id = node_id("s33"),
                                  .status = ClockStatus::synchronized,
                                  .outlier = false,
                                  .offset = Duration{-800},
                                  .delay = Duration{95'000},
                                  .bound = Duration{61'000},
                                  .freq_ppb = -31'000,
                                  .last_seen = std::chrono::milliseconds{120}},
                                 {.id = node_id("s34"),
                                  .status = ClockStatus::disrupted,
                                  .outlier = true,
                                  .offset = std::chrono::seconds{10},
                                  .delay = Duration{99'000},
                                  .bound = Duration{62'000},
                                  .freq_ppb = 12'000,
                                  .last_seen = std::chrono::milliseconds{121},
                                  .unapplied = 5}},
                     .committee = {3, 4, {{node_id("m1"), 7}}},
                     .lease_left = std::chrono::milliseconds{300}});
    add("BYE", "s1", Bye{.generation = 0x99aabbccddeeff01});
    add("FORGET", "ctl-4711", Forget{.id = node_id("m3")});
    return all;
}

}  // namespace berkeley::testing
