// Arbitrary valid messages of every type survive the wire unchanged, and their encodings stay within the
// limit.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>

#include "wire/codec.hpp"
#include "wire/fields.hpp"

namespace berkeley {
namespace {

constexpr std::int64_t kDurationMax = std::int64_t{1} << 61;

/// Uniform, small, or at an end of the range: the ends are where encodings change their width.
std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto around = [&](std::int64_t center) {
        const std::int64_t off = *rc::gen::inRange<std::int64_t>(-300, 301);
        return std::clamp(saturate(Int128{center} + off), low, high);
    };
    switch (*rc::gen::inRange(0, 5)) {
        case 0:
            return around(low);
        case 1:
            return around(high);
        case 2:
            return around(0);
        case 3:
            return around(std::int64_t{1} << *rc::gen::inRange(0, 63));
        default: {
            const auto width = static_cast<Int128>(high) - low + 1;
            const auto random = static_cast<Int128>(*rc::gen::arbitrary<std::uint64_t>());
            return static_cast<std::int64_t>(low + random * 2654435761 % width);
        }
    }
}
std::uint64_t u64(std::uint64_t high = std::numeric_limits<std::uint64_t>::max()) {
    switch (*rc::gen::inRange(0, 3)) {
        case 0:
            return std::min<std::uint64_t>(high, *rc::gen::inRange<std::uint64_t>(0, 300));
        case 1:
            return high - *rc::gen::inRange<std::uint64_t>(0, 300);
        default:
            return std::min(high, std::uint64_t{1} << *rc::gen::inRange(0, 64));
    }
}
std::uint32_t u32() { return static_cast<std::uint32_t>(u64(std::numeric_limits<std::uint32_t>::max())); }
std::int32_t i32() {
    return static_cast<std::int32_t>(
        between(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
}
bool flag() { return *rc::gen::arbitrary<bool>(); }
Duration duration() { return Duration{between(-kDurationMax, kDurationMax)}; }
Duration length() { return Duration{between(0, kDurationMax)}; }
std::int64_t rate(std::int64_t max = kRateMaxPpb) { return between(-max, max); }
RawTime raw_time() { return from_ns<RawTime>(between(-kRawTimeMax + 1, kRawTimeMax - 1)); }
ClusterTime cluster_time() { return from_ns<ClusterTime>(between(0, kClusterTimeMax - 1)); }
template <class Enum>
Enum choice(Enum last) {
    return static_cast<Enum>(*rc::gen::inRange(0, static_cast<int>(last) + 1));
}

template <class Text>
Text text(std::string_view alphabet, std::size_t size_min) {
    const auto size = *rc::gen::inRange<std::size_t>(size_min, Text::kCapacity + 1);
    std::string chars;
    for (std::size_t i = 0; i < size; ++i) chars += *rc::gen::elementOf(std::string(alphabet));
    return *Text::from(chars);
}
NodeId name() { return text<NodeId>("abyzABYZ0189_-", 1); }
NodeId name_or_empty() { return flag() ? name() : NodeId{}; }
Url url() { return text<Url>("tcp:/[]@*.0~!", 1); }
Reason reason() { return text<Reason>(" az~!,()", 0); }

template <class Make>
auto list(std::size_t size_max, Make make) {
    std::vector<decltype(make())> result;
    const auto size = *rc::gen::inRange<std::size_t>(0, size_max + 1);
    for (std::size_t i = 0; i < size; ++i) result.push_back(make());
    return result;
}

CandidateInfo candidate() { return {name(), i32(), url(), url(), url(), u64() >> 2, length()}; }
ClockMap map() {
    return {.anchor_raw = raw_time(),
            .anchor_cluster = cluster_time(),
            .rate_ppb = rate(),
            .slew = duration(),
            .slew_rate_ppb = between(0, kSlewRateMaxPpb)};
}
/// Terms and versions are limited.
std::uint64_t count() { return u64() >> 2; }
Committee committee() {
    return {count(), count(), list(kMaxCommittee, [] { return Voter{name(), u64()}; })};
}
MemberStatus member() {
    return {name(),
            choice(ClockStatus::disrupted),
            flag(),
            duration(),
            length(),
            length(),
            between(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()),
            length(),
            static_cast<std::uint32_t>(between(0, 0xffffffff))};
}

Body body(std::size_t kind) {
    // In the order of Body's alternatives. Brace lists are evaluated from left to right.
    switch (kind) {
        case 0:
            return Hello{u64(),
                         u64(),
                         rate(),
                         name_or_empty(),
                         flag() ? std::optional{candidate()} : std::nullopt,
                         committee(),
                         flag() ? std::optional{candidate()} : std::nullopt,
                         flag()};
        case 1:
            return Welcome{
                u64(), choice(Role::master), name_or_empty(), length(), list(kMaxCandidates, candidate),
                flag()};
        case 2:
            return Poll{u64(), u32(), u64()};
        case 3:
            return Reply{u64(), u32(),      u64(),
                         u64(), raw_time(), raw_time(),
                         map(), length(),   choice(ClockStatus::disrupted),
                         u64(), u64(),      between(0, kDriftMaxPpb)};
        case 4:
            return RoundNotice{u64(), choice(RoundState::split), u32(), u32(), duration()};
        case 5:
            return Correction{u64(),      name(),
                              u64(),      u64(),
                              u64(),      raw_time(),
                              duration(), rate(2 * kRateMaxPpb),
                              length(),   between(0, kDriftMaxPpb),
                              flag()};
        case 6:
            return Heartbeat{u64(),
                             choice(Role::master),
                             i32(),
                             u64(),
                             length(),
                             committee(),
                             list(kMaxCandidates, candidate),
                             length()};
        case 7:
            return Ack{u64(), u64(), u64(), u64()};
        case 8:
            return VoteRequest{flag(), u64(), i32(), u64(), u64(), length()};
        case 9:
            return Grant{flag(), u64()};
        case 10:
            return Refuse{choice(RefuseKind::not_allowed), u64(), reason()};
        case 11:
            return StepDown{name_or_empty()};
        case 12:
            return StatusRequest{u32(), name_or_empty()};
        case 13:
            return StatusAnswer{choice(Role::master),
                                name_or_empty(),
                                u64(),
                                choice(RoundState::split),
                                choice(ClockStatus::disrupted),
                                length(),
                                cluster_time(),
                                u64(),
                                list(kMaxCandidates, candidate),
                                u32(),
                                u32(),
                                list(kMaxStatusMembers, member),
                                committee(),
                                length()};
        case 14:
            return Bye{u64()};
        default:
            return Forget{name()};
    }
}

/// Goes over the fields of messages as the codec does, and remembers which values each field has had.
class Variety {
public:
    template <class Part>
    void message(const Part& part) {
        path_.clear();
        fields(part);
    }
    /// Fields that had one value only, by their place: "5/1" is the second field of the sixth.
    std::vector<std::string> constant() const {
        std::vector<std::string> places;
        for (const auto& [place, values] : values_) {
            if (values.size() < 2) places.push_back(place);
        }
        return places;
    }

    template <class Number>
    void number(Number value, Number /*low*/ = {}, Number /*high*/ = {}) {
        had(std::to_string(value));
    }
    template <class Enum>
    void choice(Enum value, Enum /*last*/) {
        number(static_cast<int>(value));
    }
    template <class Point>
    void time(Point value) {
        number(to_ns(value));
    }
    void reserved() { ++next_; }
    void flag(bool value) { number(int{value}); }
    void stamp(RawTime value) { time(value); }
    void duration(Duration value) { number(value.count()); }
    void length(Duration value) { duration(value); }
    void term(std::uint64_t value) { number(value); }
    void rate(std::int64_t value) { number(value); }
    void rate_difference(std::int64_t value) { number(value); }
    void drift(std::int64_t value) { number(value); }
    template <std::size_t N>
    void text(const BoundedString<N>& value) {
        had(std::string(value.view()));
    }
    template <class Value, class Field>
    void appended(const Value& value, const Value& /*absent*/, Field field) {
        field(value);
    }
    void name(const NodeId& value) { text(value); }
    void name_or_none(const NodeId& value) { text(value); }
    void url(const Url& value) { text(value); }
    template <class Part>
    void part(const Part& value) {
        const std::string outer = path_;
        const std::uint32_t place = next_;
        path_ += std::to_string(place) + "/";
        fields(value);
        path_ = outer;
        next_ = place + 1;
    }
    template <class Part>
    void list(const std::vector<Part>& values, std::size_t /*size_max*/) {
        const std::uint32_t place = next_;
        had("size " + std::to_string(values.size()));
        for (const Part& value : values) {
            next_ = place;
            part(value);
        }
    }
    template <class Part>
    void optional(const std::optional<Part>& value) {
        list(value ? std::vector{*value} : std::vector<Part>{}, 1);
    }

private:
    template <class Part>
    void fields(const Part& part) {
        next_ = 0;
        wire::Fields<Part>::each(*this, part);
        EXPECT_EQ(next_, wire::Fields<Part>::count);
    }
    void had(const std::string& value) { values_[path_ + std::to_string(next_++)].insert(value); }

    std::map<std::string, std::set<std::string>> values_;
    std::string path_;
    std::uint32_t next_ = 0;
};

class CodecProperty : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CodecProperty, ArbitraryMessagesRoundTrip) {
    Variety variety;
    const bool holds = rc::check("round trip", [kind = GetParam(), &variety] {
        const Message message{{name(), name(), u64(std::uint64_t{1} << 62)}, body(kind)};
        Encoded encoded;
        encode(message, encoded);
        RC_ASSERT(encoded.bytes.size() <= kMaxMessageBytes);
        Message decoded;
        const auto error = decode(encoded.bytes, message.header.cluster, decoded);
        RC_ASSERT(!error);
        RC_ASSERT(decoded == message);
        Encoded again;
        encode(decoded, again);
        RC_ASSERT(again.bytes == encoded.bytes);
        std::visit([&](const auto& of_kind) { variety.message(of_kind); }, message.body);
    });
    EXPECT_TRUE(holds);
    // A field that is always the same would be lost without a failure.
    EXPECT_EQ(variety.constant(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(EveryBody, CodecProperty,
                         ::testing::Range<std::size_t>(0, std::variant_size_v<Body>));

}  // namespace
}  // namespace berkeley
