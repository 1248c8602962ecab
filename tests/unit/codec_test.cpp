// The codec against every message, and against what is nearly one. The fuzz target and the property test go
// on from here with arbitrary bytes and arbitrary messages.

#include "wire/codec.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/prng.hpp"
#include "tests/unit/example_messages.hpp"

namespace berkeley {
namespace {

using testing::Example;
using testing::example;
using testing::example_cluster;
using testing::example_messages;
using Bytes = std::vector<std::byte>;

Bytes encoded(const Message& message) {
    Encoded out;
    encode(message, out);
    return out.bytes;
}

/// The reason, or nothing.
std::optional<DecodeError> error_of(const Bytes& bytes) {
    Message message;
    return decode(bytes, example_cluster(), message);
}

void append(Bytes& bytes, const std::vector<int>& values) {
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
}

/// The bytes of header elements with the outer array's head `head`: [1, type, "lab", "m1", 3.
Bytes header(int head, int type) {
    Bytes bytes;
    append(bytes, {head, 0x01, type, 0xa3, 'l', 'a', 'b', 0xa2, 'm', '1', 0x03});
    return bytes;
}

/// A message of the type with the given bytes as its only field.
Bytes one_field(int type, const std::vector<int>& field) {
    Bytes bytes = header(0x96, type);
    append(bytes, field);
    return bytes;
}
constexpr int kBye = 16;
constexpr int kStepDown = 13;

/// The outer array one element longer; `extra` are that element's bytes.
Bytes with_extra_element(const Bytes& bytes, const std::vector<int>& extra) {
    Bytes result;
    std::size_t body = 1;
    auto size = std::to_integer<unsigned>(bytes[0]) & 0x0fU;
    if (bytes[0] == std::byte{0xdc}) {
        size = std::to_integer<unsigned>(bytes[1]) << 8U | std::to_integer<unsigned>(bytes[2]);
        body = 3;
    }
    append(result, {0xdc, static_cast<int>((size + 1) >> 8U), static_cast<int>((size + 1) & 0xffU)});
    result.insert(result.end(), bytes.begin() + static_cast<std::ptrdiff_t>(body), bytes.end());
    append(result, extra);
    return result;
}

TEST(Codec, EveryMessageRoundTrips) {
    for (const Example& e : example_messages()) {
        Message decoded;
        ASSERT_FALSE(decode(encoded(e.message), example_cluster(), decoded)) << e.name;
        EXPECT_TRUE(decoded == e.message) << e.name;
    }
}

TEST(Codec, AReusedMessageKeepsNothingOfThePreviousOne) {
    Message decoded;
    for (const Example& before : example_messages()) {
        for (const Example& e : example_messages()) {
            ASSERT_FALSE(decode(encoded(before.message), example_cluster(), decoded));
            ASSERT_FALSE(decode(encoded(e.message), example_cluster(), decoded));
            EXPECT_TRUE(decoded == e.message) << e.name << " after " << before.name;
        }
    }
    Hello hello;  // the optional candidate and the lists must shrink again
    ASSERT_FALSE(decode(encoded(example_messages().front().message), example_cluster(), decoded));
    ASSERT_FALSE(decode(encoded(example("s1", hello)), example_cluster(), decoded));
    EXPECT_TRUE(decoded == example("s1", hello));
}

TEST(Codec, EveryStrictPrefixIsRejected) {
    for (const Example& e : example_messages()) {
        const Bytes whole = encoded(e.message);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            ASSERT_EQ(error_of(prefix), DecodeError::malformed) << e.name << ", " << size << " bytes";
        }
    }
}

TEST(Codec, TheReservedPlaceOfAVoteIsIgnored) {
    for (const Example& e : example_messages()) {
        if (!std::holds_alternative<VoteRequest>(e.message.body)) continue;
        Bytes bytes = encoded(e.message);
        // The place stands before the timeout of five bytes.
        std::byte& reserved = bytes.at(bytes.size() - 6);
        ASSERT_EQ(reserved, std::byte{0}) << e.name;
        reserved = std::byte{1};
        Message decoded;
        ASSERT_FALSE(decode(bytes, example_cluster(), decoded)) << e.name;
        EXPECT_TRUE(decoded == e.message) << e.name;
    }
}

TEST(Codec, ATrailingByteIsRejected) {
    for (const Example& e : example_messages()) {
        Bytes bytes = encoded(e.message);
        append(bytes, {0x00});
        EXPECT_EQ(error_of(bytes), DecodeError::malformed) << e.name;
    }
}

TEST(Codec, ExtraElementsAtTheEndAreIgnored) {
    for (const Example& e : example_messages()) {
        const Bytes plain = encoded(e.message);
        for (const auto& extra : {std::vector<int>{0x05},
                                  {0xa1, 'x'},
                                  {0x92, 0x01, 0x91, 0xff},
                                  {0xd3, 0xff, 0, 0, 0, 0, 0, 0, 0},
                                  {0xd9, 0x01, 'y'}}) {
            Message decoded;
            const auto error = decode(with_extra_element(plain, extra), example_cluster(), decoded);
            ASSERT_FALSE(error) << e.name << ": " << to_string(*error);
            EXPECT_TRUE(decoded == e.message) << e.name;
        }
    }
}

TEST(Codec, ExtraElementsAtTheEndOfNestedArraysAreIgnored) {
    // Heads of nested arrays in the examples, found by the bytes that begin them: one longer, one 0 more.
    struct Nested {
        std::string_view message;
        Bytes begin;
        std::size_t size;  ///< bytes of the nested array
    };
    const auto bytes_of = [](const std::vector<int>& values) {
        Bytes bytes;
        append(bytes, values);
        return bytes;
    };
    const std::vector<Nested> all = {
        {"HELLO", bytes_of({0x97, 0xa2, 'm', '2'}), 1 + 3 + 2 + 60 + 1 + 5},  // CANDIDATE
        {"WELCOME", bytes_of({0x97, 0xa2, 'm', '1'}), 1 + 3 + 1 + 60 + 2},    // CANDIDATE in a list
        {"REPLY", bytes_of({0x95, 0xcf}), 1 + 9 + 9 + 3 + 3 + 5},             // CLOCK MAP
        {"HEARTBEAT", bytes_of({0x93, 0x03, 0x09}), 1 + 2 + 1 + 3 * 5},       // COMMITTEE
        {"HEARTBEAT", bytes_of({0x92, 0xa2, 'm', '2'}), 1 + 3 + 1},           // VOTER
        {"STATUS_ANSWER", bytes_of({0x99, 0xa3, 's', '3', '3'}),
         1 + 4 + 1 + 1 + 3 + 5 + 3 + 3 + 5 + 1},  // MEMBER
    };
    for (const Nested& nested : all) {
        for (const Example& e : example_messages()) {
            if (e.name != nested.message) continue;
            Bytes bytes = encoded(e.message);
            const auto at = std::search(bytes.begin(), bytes.end(), nested.begin.begin(), nested.begin.end());
            ASSERT_NE(at, bytes.end()) << e.name;
            *at = static_cast<std::byte>(std::to_integer<unsigned>(*at) + 1);
            bytes.insert(at + static_cast<std::ptrdiff_t>(nested.size), std::byte{0x00});
            Message decoded;
            const auto error = decode(bytes, example_cluster(), decoded);
            ASSERT_FALSE(error) << e.name << ": " << to_string(*error);
            EXPECT_TRUE(decoded == e.message) << e.name;
        }
    }
}

TEST(Codec, ExtraElementsAreBoundedInNumberAndDepth) {
    Bytes many = header(0xdc, kBye);
    many.erase(many.begin());
    const auto with_size = [&](int size) {
        Bytes bytes;
        append(bytes, {0xdc, size >> 8, size & 0xff});
        bytes.insert(bytes.end(), many.begin(), many.end());
        for (int i = 5; i < size; ++i) append(bytes, {0x01});
        return bytes;
    };
    EXPECT_EQ(error_of(with_size(6 + 64)), std::nullopt);
    EXPECT_EQ(error_of(with_size(6 + 65)), DecodeError::malformed);
    const Bytes bye = one_field(kBye, {0x07});
    EXPECT_EQ(error_of(with_extra_element(bye, {0x91, 0x91, 0x91, 0x01})), std::nullopt);
    EXPECT_EQ(error_of(with_extra_element(bye, {0x91, 0x91, 0x91, 0x91, 0x01})), DecodeError::malformed);
}

TEST(Codec, HugeCountsAreRejectedWithoutAllocating) {
    Bytes bytes;
    append(bytes, {0xdd, 0xff, 0xff, 0xff, 0xff});
    EXPECT_EQ(error_of(bytes), DecodeError::malformed);
    // The same count for the outer array of a whole message, for a list, for a string, as an extra element.
    Bytes outer = one_field(kBye, {0x07});
    outer.erase(outer.begin());
    outer.insert(outer.begin(), bytes.begin(), bytes.end());
    EXPECT_EQ(error_of(outer), DecodeError::malformed);
    Bytes hello = header(0x9b, 1);
    append(hello, {0x01, 0x02, 0x00, 0xa0, 0xdd, 0xff, 0xff, 0xff, 0xff});
    EXPECT_EQ(error_of(hello), DecodeError::out_of_range);
    EXPECT_EQ(error_of(one_field(kStepDown, {0xdb, 0xff, 0xff, 0xff, 0xff})), DecodeError::malformed);
    EXPECT_EQ(error_of(with_extra_element(one_field(kBye, {0x07}), {0xdd, 0xff, 0xff, 0xff, 0xff})),
              DecodeError::malformed);
}

TEST(Codec, DeepNestingIsRejected) {
    EXPECT_EQ(error_of(Bytes(kMaxMessageBytes, std::byte{0x91})), DecodeError::malformed);
    EXPECT_EQ(error_of(Bytes(kMaxMessageBytes, std::byte{0x9f})), DecodeError::malformed);
    Bytes extra = one_field(kBye, {0x07});
    extra[0] = std::byte{0x97};
    extra.resize(kMaxMessageBytes, std::byte{0x91});
    EXPECT_EQ(error_of(extra), DecodeError::malformed);
}

TEST(Codec, MessagesLongerThanTheLimitAreOversize) {
    EXPECT_EQ(error_of(Bytes(kMaxMessageBytes + 1, std::byte{0x91})), DecodeError::oversize);
}

TEST(Codec, OtherKindsOfValuesAreRejectedEverywhere) {
    const std::vector<std::vector<int>> kinds = {
        {0xc0},                                // nil
        {0xc1},                                // never used
        {0xc2},                                // false
        {0xc3},                                // true
        {0xc4, 0x01, 0x00},                    // bin
        {0xc5, 0x00, 0x01, 0x00},              //
        {0xc7, 0x01, 0x05, 0x00},              // ext
        {0xd4, 0x05, 0x00},                    // fixext
        {0xca, 0x3f, 0x80, 0x00, 0x00},        // float 1
        {0xca, 0x7f, 0xc0, 0x00, 0x00},        // NaN
        {0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0},  // NaN
        {0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0},  // double 1
        {0x80},                                // map
        {0x81, 0x01, 0x01},                    //
        {0xde, 0x00, 0x00},                    //
        {0xdf, 0xff, 0xff, 0xff, 0xff},        //
    };
    for (const auto& kind : kinds) {
        EXPECT_EQ(error_of(one_field(kBye, kind)), DecodeError::malformed) << *kind.begin();
        EXPECT_EQ(error_of(one_field(kStepDown, kind)), DecodeError::malformed) << *kind.begin();
        EXPECT_EQ(error_of(with_extra_element(one_field(kBye, {0x07}), kind)), DecodeError::malformed);
        Bytes whole;
        append(whole, kind);
        EXPECT_EQ(error_of(whole), DecodeError::malformed) << *kind.begin();
    }
    EXPECT_EQ(error_of(one_field(kBye, {0xa1, '7'})), DecodeError::malformed) << "a string for a number";
    EXPECT_EQ(error_of(one_field(kStepDown, {0x07})), DecodeError::malformed) << "a number for a string";
    EXPECT_EQ(error_of(one_field(kBye, {0x90})), DecodeError::malformed) << "an array for a number";
}

TEST(Codec, EveryWidthOfAnIntegerIsAccepted) {
    for (const auto& seven : {std::vector<int>{0x07},
                              {0xcc, 7},
                              {0xcd, 0, 7},
                              {0xce, 0, 0, 0, 7},
                              {0xcf, 0, 0, 0, 0, 0, 0, 0, 7},
                              {0xd0, 7},
                              {0xd1, 0, 7},
                              {0xd2, 0, 0, 0, 7},
                              {0xd3, 0, 0, 0, 0, 0, 0, 0, 7}}) {
        Message decoded;
        ASSERT_FALSE(decode(one_field(kBye, seven), example_cluster(), decoded));
        EXPECT_EQ(std::get<Bye>(decoded.body).generation, 7U);
    }
    EXPECT_EQ(error_of(one_field(kBye, {0xff})), DecodeError::out_of_range) << "-1 for an unsigned number";
}

TEST(Codec, HeaderIsCheckedByReason) {
    const Bytes bye = one_field(kBye, {0x07});
    ASSERT_EQ(error_of(bye), std::nullopt);
    const auto changed = [&](std::size_t at, int value) {
        Bytes bytes = bye;
        bytes[at] = static_cast<std::byte>(value);
        return error_of(bytes);
    };
    EXPECT_EQ(changed(1, 0x02), DecodeError::version);
    EXPECT_EQ(changed(1, 0x00), DecodeError::version);
    EXPECT_EQ(changed(2, 0x00), DecodeError::unknown_type);
    EXPECT_EQ(changed(2, 0x12), DecodeError::unknown_type);
    EXPECT_EQ(changed(4, 'x'), DecodeError::foreign_cluster);
    EXPECT_EQ(changed(4, '/'), DecodeError::out_of_range);
    EXPECT_EQ(changed(8, '/'), DecodeError::out_of_range);
    EXPECT_EQ(changed(8, '.'), DecodeError::out_of_range);
    EXPECT_EQ(changed(10, 0xff), DecodeError::out_of_range);
    EXPECT_EQ(changed(0, 0x95), DecodeError::malformed) << "an array shorter than the type's fields";
    EXPECT_EQ(changed(0, 0x90), DecodeError::malformed);
    Bytes term = one_field(kBye, {0x07});
    term.erase(term.begin() + 10);
    const Bytes highest = [] {
        Bytes bytes;
        append(bytes, {0xcf, 0x40, 0, 0, 0, 0, 0, 0, 0});
        return bytes;
    }();
    term.insert(term.begin() + 10, highest.begin(), highest.end());
    EXPECT_EQ(error_of(term), std::nullopt) << "term 2^62";
    term[18] = std::byte{1};
    EXPECT_EQ(error_of(term), DecodeError::out_of_range) << "term 2^62 + 1";
}

/// What the receiver says to a message that the sender should not have made.
template <class Body, class Change>
std::optional<DecodeError> after(Change change) {
    for (const Example& e : example_messages()) {
        Message message = e.message;
        if (auto* body = std::get_if<Body>(&message.body)) {
            change(*body);
            return error_of(encoded(message));
        }
    }
    return DecodeError::malformed;
}

constexpr std::int64_t kDurationMax = std::int64_t{1} << 61;

TEST(Codec, TimesOutsideTheirRangesAreRejected) {
    const auto raw = [](std::int64_t ns) {
        return after<Reply>([&](Reply& r) { r.t2 = from_ns<RawTime>(ns); });
    };
    EXPECT_EQ(raw(kRawTimeMax - 1), std::nullopt);
    EXPECT_EQ(raw(-kRawTimeMax + 1), std::nullopt);
    EXPECT_EQ(raw(kRawTimeMax), DecodeError::out_of_range);
    EXPECT_EQ(raw(-kRawTimeMax), DecodeError::out_of_range);
    EXPECT_EQ(raw(std::numeric_limits<std::int64_t>::min()), DecodeError::out_of_range);
    const auto cluster = [](std::int64_t ns) {
        return after<StatusAnswer>([&](StatusAnswer& s) { s.cluster_time = from_ns<ClusterTime>(ns); });
    };
    EXPECT_EQ(cluster(0), std::nullopt);
    EXPECT_EQ(cluster(kClusterTimeMax - 1), std::nullopt);
    EXPECT_EQ(cluster(-1), DecodeError::out_of_range);
    EXPECT_EQ(cluster(kClusterTimeMax), DecodeError::out_of_range);
    const auto correction = [](std::int64_t ns) {
        return after<Correction>([&](Correction& c) { c.correction = Duration{ns}; });
    };
    EXPECT_EQ(correction(kDurationMax), std::nullopt);
    EXPECT_EQ(correction(-kDurationMax), std::nullopt);
    EXPECT_EQ(correction(kDurationMax + 1), DecodeError::out_of_range);
    EXPECT_EQ(correction(-kDurationMax - 1), DecodeError::out_of_range);
    const auto bound = [](std::int64_t ns) {
        return after<Correction>([&](Correction& c) { c.bound = Duration{ns}; });
    };
    EXPECT_EQ(bound(0), std::nullopt);
    EXPECT_EQ(bound(-1), DecodeError::out_of_range);
}

TEST(Codec, RatesOutsideTheirRangesAreRejected) {
    const auto rate = [](std::int64_t ppb) { return after<Hello>([&](Hello& h) { h.freq_ppb = ppb; }); };
    EXPECT_EQ(rate(kRateMaxPpb), std::nullopt);
    EXPECT_EQ(rate(-kRateMaxPpb), std::nullopt);
    EXPECT_EQ(rate(kRateMaxPpb + 1), DecodeError::out_of_range);
    const auto slew = [](std::int64_t ppb) {
        return after<Reply>([&](Reply& r) { r.map.slew_rate_ppb = ppb; });
    };
    EXPECT_EQ(slew(kSlewRateMaxPpb), std::nullopt);
    EXPECT_EQ(slew(kSlewRateMaxPpb + 1), DecodeError::out_of_range);
    EXPECT_EQ(slew(-1), DecodeError::out_of_range);
    const auto change = [](std::int64_t ppb) {
        return after<Correction>([&](Correction& c) { c.freq_ppb = ppb; });
    };
    EXPECT_EQ(change(-2 * kRateMaxPpb), std::nullopt);
    EXPECT_EQ(change(-2 * kRateMaxPpb - 1), DecodeError::out_of_range);
}

TEST(Codec, NamesTextsAndEnumsOutsideTheirRangesAreRejected) {
    const auto url = [](std::string_view text) {
        return after<Welcome>([&](Welcome& w) { w.candidates[0].poll = *Url::from(text); });
    };
    EXPECT_EQ(url(std::string(255, 'u')), std::nullopt);
    EXPECT_EQ(url(""), DecodeError::out_of_range);
    EXPECT_EQ(url("tcp://a b:1"), DecodeError::out_of_range);
    EXPECT_EQ(url("tcp://a\n:1"), DecodeError::out_of_range);
    const auto target = [](std::string_view text) {
        return after<Correction>([&](Correction& c) { c.target = *NodeId::from(text); });
    };
    EXPECT_EQ(target(std::string(63, 'n')), std::nullopt);
    EXPECT_EQ(target(""), DecodeError::out_of_range);
    EXPECT_EQ(target("s1/"), DecodeError::out_of_range);
    EXPECT_EQ(after<Welcome>([](Welcome& w) { w.leader = NodeId{}; }), std::nullopt);
    EXPECT_EQ(after<Refuse>([](Refuse& r) { r.reason = *Reason::from("caf\xc3\xa9"); }),
              DecodeError::out_of_range);
    const auto role = [](int value) {
        return after<Welcome>([&](Welcome& w) { w.role = static_cast<Role>(value); });
    };
    EXPECT_EQ(role(5), std::nullopt);
    EXPECT_EQ(role(6), DecodeError::out_of_range);
    const auto kind = [](int k) {
        return after<Refuse>([&](Refuse& r) { r.kind = static_cast<RefuseKind>(k); });
    };
    EXPECT_EQ(kind(5), std::nullopt);
    EXPECT_EQ(kind(6), DecodeError::out_of_range);
    Bytes long_name = header(0x96, kStepDown);
    append(long_name, {0xd9, 64});
    long_name.resize(long_name.size() + 64, std::byte{'n'});
    EXPECT_EQ(error_of(long_name), DecodeError::out_of_range);
}

TEST(Codec, TheLongestMessagesFit) {
    const CandidateInfo longest{*NodeId::from(std::string(63, 'c')), -2'000'000'000,
                                *Url::from(std::string(255, 'p')), *Url::from(std::string(255, 'q')),
                                *Url::from(std::string(255, 'r'))};
    StatusAnswer answer;
    answer.candidates.assign(kMaxCandidates, longest);
    MemberStatus member;
    member.id = longest.id;
    member.offset = Duration{-kDurationMax};
    member.delay = member.bound = member.last_seen = Duration{kDurationMax};
    member.freq_ppb = std::numeric_limits<std::int64_t>::min();
    answer.members.assign(kMaxStatusMembers, member);
    const Message message{{*ClusterName::from(std::string(63, 'l')), longest.id, 1}, answer};
    const Bytes bytes = encoded(message);
    EXPECT_LE(bytes.size(), kMaxMessageBytes);
    Message decoded;
    ASSERT_FALSE(decode(bytes, message.header.cluster, decoded));
    EXPECT_TRUE(decoded == message);
}

TEST(Codec, PatchStampSetsT3AndNothingElse) {
    for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{-1}, kRawTimeMax - 1, -kRawTimeMax + 1}) {
        for (const Example& e : example_messages()) {
            Encoded out;
            encode(e.message, out);
            const auto* reply = std::get_if<Reply>(&e.message.body);
            ASSERT_EQ(out.stamp_at != 0, reply != nullptr) << e.name;
            if (reply == nullptr) continue;
            patch_stamp(out, from_ns<RawTime>(ns));
            Message decoded;
            ASSERT_FALSE(decode(out.bytes, example_cluster(), decoded));
            Message expected = e.message;
            std::get<Reply>(expected.body).t3 = from_ns<RawTime>(ns);
            EXPECT_TRUE(decoded == expected);
        }
    }
}

TEST(Codec, TopicsEndInADelimiter) {
    EXPECT_EQ(correction_topic(node_id("s1")), "c/s1/");
    EXPECT_EQ(topic_of(false, example("m1", Correction{.target = node_id("s10")})), "c/s10/");
    EXPECT_EQ(topic_of(false, example("m1", RoundNotice{})), "round/");
    EXPECT_EQ(topic_of(false, example("m1", StepDown{})), "round/");
    EXPECT_EQ(topic_of(true, example("m1", StepDown{})), "heartbeat/");
    EXPECT_EQ(topic_of(true, example("m1", Heartbeat{})), "heartbeat/");
}

/// Garbage, or a real message with a few bytes changed, inserted, removed.
Bytes hostile(Prng& prng, const std::vector<Bytes>& seeds) {
    Bytes bytes;
    if (prng.chance(0.2)) {
        bytes.resize(prng.below(200));
        for (std::byte& b : bytes) b = static_cast<std::byte>(prng.next());
        return bytes;
    }
    bytes = seeds[prng.below(seeds.size())];
    for (std::uint64_t i = prng.below(4) + 1; i > 0 && !bytes.empty(); --i) {
        const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(prng.below(bytes.size()));
        switch (prng.below(4)) {
            case 0:
                *at = static_cast<std::byte>(prng.next());
                break;
            case 1:
                *at ^= static_cast<std::byte>(1U << prng.below(8));
                break;
            case 2:
                bytes.insert(at, static_cast<std::byte>(prng.next()));
                break;
            default:
                bytes.erase(at);
                break;
        }
    }
    return bytes;
}

TEST(Codec, TwoHundredThousandHostileBuffersAreRejectedOrMeanOneThing) {
    constexpr std::uint64_t kSeed = 20260101;
    Prng prng(kSeed);
    std::vector<Bytes> seeds;
    for (const Example& e : example_messages()) seeds.push_back(encoded(e.message));
    Message decoded;
    int accepted = 0;
    for (int i = 0; i < 200'000; ++i) {
        const Bytes bytes = hostile(prng, seeds);
        if (decode(bytes, example_cluster(), decoded)) continue;
        ++accepted;
        Message again;
        ASSERT_FALSE(decode(encoded(decoded), example_cluster(), again))
            << "seed " << kSeed << ", buffer " << i;
        ASSERT_TRUE(again == decoded) << "seed " << kSeed << ", buffer " << i;
    }
    // Both kinds must occur, or nothing was tested.
    EXPECT_GT(accepted, 10'000);
    EXPECT_LT(accepted, 150'000);
}

}  // namespace
}  // namespace berkeley
