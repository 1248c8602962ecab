#include "wire/codec.hpp"

#include <array>
#include <cassert>

#include "wire/fields.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

namespace berkeley {

namespace {

using wire::Fields;
using wire::Reader;
using wire::Writer;

/// The numbers of the types on the wire: append-only.
enum class Type : std::uint8_t {
    hello = 1,
    welcome = 2,
    poll = 3,
    reply = 4,
    round = 5,
    correction = 6,
    heartbeat = 7,
    ack = 8,
    pre_vote = 9,
    vote = 10,
    grant = 11,
    refuse = 12,
    step_down = 13,
    status_request = 14,
    status_answer = 15,
    bye = 16,
    forget = 17,
};

constexpr std::uint32_t kHeaderElements = 5;

Type type_of(const Body& body) {
    if (const auto* vote = std::get_if<VoteRequest>(&body))
        return vote->pre_vote ? Type::pre_vote : Type::vote;
    // In the order of Body's alternatives; the two kinds of vote request are handled above.
    constexpr std::array kTypes{Type::hello,          Type::welcome,       Type::poll,      Type::reply,
                                Type::round,          Type::correction,    Type::heartbeat, Type::ack,
                                Type::vote,           Type::grant,         Type::refuse,    Type::step_down,
                                Type::status_request, Type::status_answer, Type::bye,       Type::forget};
    static_assert(kTypes.size() == std::variant_size_v<Body>);
    return kTypes[body.index()];
}

/// Reuses the body where it is already of this kind, so frequent messages cost no allocation.
template <class B>
void read_body(Reader& r, Message& out, std::uint32_t size) {
    if (!std::holds_alternative<B>(out.body)) out.body.template emplace<B>();
    r.elements(size, kHeaderElements + wire::required<B>(),
               [&] { Fields<B>::each(r, std::get<B>(out.body)); });
}

void read_vote(Reader& r, Message& out, std::uint32_t size, bool pre_vote) {
    read_body<VoteRequest>(r, out, size);
    if (r.good()) std::get<VoteRequest>(out.body).pre_vote = pre_vote;
}

void read_typed(Reader& r, Type type, Message& out, std::uint32_t size) {
    switch (type) {
        case Type::hello:
            return read_body<Hello>(r, out, size);
        case Type::welcome:
            return read_body<Welcome>(r, out, size);
        case Type::poll:
            return read_body<Poll>(r, out, size);
        case Type::reply:
            return read_body<Reply>(r, out, size);
        case Type::round:
            return read_body<RoundNotice>(r, out, size);
        case Type::correction:
            return read_body<Correction>(r, out, size);
        case Type::heartbeat:
            return read_body<Heartbeat>(r, out, size);
        case Type::ack:
            return read_body<Ack>(r, out, size);
        case Type::pre_vote:
            return read_vote(r, out, size, true);
        case Type::vote:
            return read_vote(r, out, size, false);
        case Type::grant:
            return read_body<Grant>(r, out, size);
        case Type::refuse:
            return read_body<Refuse>(r, out, size);
        case Type::step_down:
            return read_body<StepDown>(r, out, size);
        case Type::status_request:
            return read_body<StatusRequest>(r, out, size);
        case Type::status_answer:
            return read_body<StatusAnswer>(r, out, size);
        case Type::bye:
            return read_body<Bye>(r, out, size);
        case Type::forget:
            return read_body<Forget>(r, out, size);
    }
    r.fail(DecodeError::unknown_type);
}

}  // namespace

std::string_view to_string(DecodeError error) {
    switch (error) {
        case DecodeError::oversize:
            return "oversize";
        case DecodeError::malformed:
            return "malformed";
        case DecodeError::version:
            return "version";
        case DecodeError::unknown_type:
            return "unknown-type";
        case DecodeError::foreign_cluster:
            return "foreign-cluster";
        case DecodeError::out_of_range:
            return "out-of-range";
    }
    return "malformed";
}

void encode(const Message& message, Encoded& out) {
    out.bytes.clear();
    out.stamp_at = 0;
    Writer w(out);
    std::visit(
        [&]<class B>(const B& body) {
            w.array(kHeaderElements + Fields<B>::count);
            const Type type = type_of(message.body);
            w.number(kWireVersion);
            w.choice(type, type);
            w.name(message.header.cluster);
            w.name(message.header.sender);
            w.term(message.header.term);
            Fields<B>::each(w, body);
        },
        message.body);
    assert(out.bytes.size() <= kMaxMessageBytes);
}

void patch_stamp(Encoded& out, RawTime stamp) {
    assert(out.stamp_at != 0 && out.stamp_at + sizeof(std::int64_t) <= out.bytes.size());
    auto value = static_cast<std::uint64_t>(to_ns(stamp));
    for (std::size_t i = sizeof value; i-- > 0; value >>= 8) {
        out.bytes[out.stamp_at + i] = static_cast<std::byte>(value & 0xffU);
    }
}

std::optional<DecodeError> decode(std::span<const std::byte> bytes, const ClusterName& cluster,
                                  Message& out) {
    if (bytes.size() > kMaxMessageBytes) return DecodeError::oversize;
    Reader r(bytes);
    const std::uint32_t size = r.array();
    if (!r.good() || size < kHeaderElements) return DecodeError::malformed;
    std::uint64_t version = 0;
    r.number(version);
    if (!r.good()) return r.error();
    if (version != kWireVersion) return DecodeError::version;
    std::uint8_t type = 0;
    r.number(type);
    r.name(out.header.cluster);
    if (!r.good()) return r.error();
    if (out.header.cluster != cluster) return DecodeError::foreign_cluster;
    r.name(out.header.sender);
    r.term(out.header.term);
    if (!r.good()) return r.error();
    read_typed(r, static_cast<Type>(type), out, size);
    if (r.good() && !r.at_end()) r.fail(DecodeError::malformed);
    return r.error();
}

std::string correction_topic(const NodeId& target) {
    std::string topic = "c/";
    topic += target.view();
    topic += '/';
    return topic;
}

std::string topic_of(bool heartbeat_channel, const Message& message) {
    if (heartbeat_channel) return std::string{kHeartbeatTopic};
    if (const auto* correction = std::get_if<Correction>(&message.body))
        return correction_topic(correction->target);
    return std::string{kRoundTopic};
}

}  // namespace berkeley
