// Encoding goes through msgpack's packer. Decoding is a bounded cursor over msgpack's own format bytes, one
// pass from the bytes into the message struct: no tree of objects is built, so no count in the input can make
// it allocate, and what would be rejected anyway (floats, maps, nil, extensions) needs no code. It fails closed:
// the first element that is not what stands in docs/PROTOCOL.md ends it.

#include "wire/codec.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <msgpack.hpp>

namespace berkeley {

namespace {

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
};

constexpr std::uint32_t kHeaderElements = 5;
/// Elements that a newer version has appended are skipped; nested no deeper than this.
constexpr int kSkipDepthMax = 4;
constexpr std::uint32_t kMaxExtraElements = 64;

// ---- Encoding: fields appended one by one; the same order as in the decoder below.

class Sink {
public:
    explicit Sink(std::vector<std::byte>& bytes) : bytes_(bytes) {}
    void write(const char* data, std::size_t size) {
        const auto* begin = reinterpret_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), begin, begin + size);
    }

private:
    std::vector<std::byte>& bytes_;
};

class Writer {
public:
    explicit Writer(Encoded& out) : out_(out), sink_(out.bytes), packer_(sink_) {}

    void array(std::size_t size) { packer_.pack_array(static_cast<std::uint32_t>(size)); }
    void number(std::uint64_t value) { packer_.pack_uint64(value); }
    void number(std::int64_t value) { packer_.pack_int64(value); }
    void number(std::uint32_t value) { packer_.pack_uint32(value); }
    void number(std::int32_t value) { packer_.pack_int32(value); }
    void flag(bool value) { packer_.pack_uint8(value ? 1 : 0); }
    void time(RawTime value) { number(to_ns(value)); }
    void time(ClusterTime value) { number(to_ns(value)); }
    void duration(Duration value) { number(std::int64_t{value.count()}); }
    template <class Enum>
    void choice(Enum value) {
        packer_.pack_uint8(static_cast<std::uint8_t>(value));
    }
    template <std::size_t N>
    void text(const BoundedString<N>& value) {
        const auto view = value.view();
        packer_.pack_str(static_cast<std::uint32_t>(view.size()));
        packer_.pack_str_body(view.data(), static_cast<std::uint32_t>(view.size()));
    }
    void stamp(RawTime value) {
        packer_.pack_fix_int64(to_ns(value));
        out_.stamp_at = out_.bytes.size() - sizeof(std::int64_t);
    }

private:
    Encoded& out_;
    Sink sink_;
    msgpack::packer<Sink> packer_;
};

// ---- Decoding.

/// A cursor that goes bad at the first surprise and stays bad; reads return zeros from then on.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    bool good() const { return !error_; }
    std::optional<DecodeError> error() const { return error_; }
    bool at_end() const { return rest_.empty(); }
    void fail(DecodeError error) {
        if (!error_) error_ = error;
        rest_ = {};
    }

    std::uint32_t array() {
        const std::uint8_t head = byte();
        if ((head & 0xf0U) == 0x90U) return head & 0x0fU;
        if (head == 0xdc) return static_cast<std::uint32_t>(big_endian(2));
        if (head == 0xdd) return static_cast<std::uint32_t>(big_endian(4));
        fail(DecodeError::malformed);
        return 0;
    }

    /// An array of at least `minimum` elements; call close() with what it returns minus those read.
    std::uint32_t array_of(std::uint32_t minimum) {
        const std::uint32_t size = array();
        if (good() && (size < minimum || size > minimum + kMaxExtraElements)) fail(DecodeError::malformed);
        return good() ? size - minimum : 0;
    }
    void close(std::uint32_t extra) {
        for (std::uint32_t i = 0; i < extra && good(); ++i) skip(kSkipDepthMax);
    }

    std::uint32_t list(std::size_t size_max) {
        const std::uint32_t size = array();
        if (good() && size > size_max) fail(DecodeError::out_of_range);
        return good() ? size : 0;
    }

    Int128 integer() {
        const std::uint8_t head = byte();
        if (head < 0x80) return head;
        if (head >= 0xe0) return static_cast<std::int8_t>(head);
        switch (head) {
            case 0xcc: return big_endian(1);
            case 0xcd: return big_endian(2);
            case 0xce: return big_endian(4);
            case 0xcf: return big_endian(8);
            case 0xd0: return static_cast<std::int8_t>(big_endian(1));
            case 0xd1: return static_cast<std::int16_t>(big_endian(2));
            case 0xd2: return static_cast<std::int32_t>(big_endian(4));
            case 0xd3: return static_cast<std::int64_t>(big_endian(8));
            default: fail(DecodeError::malformed); return 0;
        }
    }

    template <class Number>
    Number number(Number low = std::numeric_limits<Number>::min(), Number high = std::numeric_limits<Number>::max()) {
        const Int128 value = integer();
        if (good() && (value < low || value > high)) fail(DecodeError::out_of_range);
        return good() ? static_cast<Number>(value) : Number{};
    }
    bool flag() { return number<std::uint8_t>(0, 1) == 1; }
    template <class Enum>
    Enum choice(Enum last) {
        return static_cast<Enum>(number<std::uint8_t>(0, static_cast<std::uint8_t>(last)));
    }
    template <class Point>
    Point time() {
        const Point point = from_ns<Point>(number<std::int64_t>());
        if (good() && !is_sane(point)) fail(DecodeError::out_of_range);
        return point;
    }
    Duration duration() { return Duration{number<std::int64_t>(-kDurationMax, kDurationMax)}; }
    Duration length() { return Duration{number<std::int64_t>(0, kDurationMax)}; }
    std::int64_t rate() { return number<std::int64_t>(-kRateMaxPpb, kRateMaxPpb); }
    std::int64_t drift() { return number<std::int64_t>(0, kDriftMaxPpb); }
    std::int64_t rate_difference() { return number<std::int64_t>(-2 * kRateMaxPpb, 2 * kRateMaxPpb); }

    std::string_view raw_text() {
        const std::uint8_t head = byte();
        std::size_t size = 0;
        if ((head & 0xe0U) == 0xa0U) {
            size = head & 0x1fU;
        } else if (head == 0xd9) {
            size = big_endian(1);
        } else if (head == 0xda) {
            size = big_endian(2);
        } else if (head == 0xdb) {
            size = big_endian(4);
        } else {
            fail(DecodeError::malformed);
        }
        if (size > rest_.size()) fail(DecodeError::malformed);
        if (!good()) return {};
        const std::string_view text{reinterpret_cast<const char*>(rest_.data()), size};
        rest_ = rest_.subspan(size);
        return text;
    }
    template <class Text>
    Text text() {
        const auto value = Text::from(raw_text());
        if (good() && !value) fail(DecodeError::out_of_range);
        const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
        if (good() && !std::all_of(value->view().begin(), value->view().end(), printable)) {
            fail(DecodeError::out_of_range);
        }
        return good() ? *value : Text{};
    }
    NodeId name(bool may_be_empty = false) {
        const NodeId id = text<NodeId>();
        if (good() && !is_valid_name(id.view()) && !(may_be_empty && id.empty())) fail(DecodeError::out_of_range);
        return id;
    }
    Url url() {
        const Url value = text<Url>();
        if (good() && (value.empty() || value.view().find(' ') != std::string_view::npos)) {
            fail(DecodeError::out_of_range);
        }
        return value;
    }

private:
    std::uint8_t byte() {
        if (rest_.empty()) {
            fail(DecodeError::malformed);
            return 0xc1;  // the byte that msgpack never uses
        }
        const auto value = std::to_integer<std::uint8_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }

    std::uint64_t big_endian(std::size_t size) {
        if (rest_.size() < size) {
            fail(DecodeError::malformed);
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i) value = value << 8 | std::to_integer<std::uint64_t>(rest_[i]);
        rest_ = rest_.subspan(size);
        return value;
    }

    /// Over one element of unknown meaning: integers, strings and shallow arrays.
    void skip(int depth) {
        if (rest_.empty() || depth == 0) return fail(DecodeError::malformed);
        const auto head = std::to_integer<std::uint8_t>(rest_.front());
        if ((head & 0xf0U) == 0x90U || head == 0xdc || head == 0xdd) {
            const std::uint32_t size = array();
            if (size > kMaxExtraElements) return fail(DecodeError::malformed);
            for (std::uint32_t i = 0; i < size && good(); ++i) skip(depth - 1);
        } else if ((head & 0xe0U) == 0xa0U || (head >= 0xd9 && head <= 0xdb)) {
            raw_text();
        } else {
            integer();
        }
    }

    std::span<const std::byte> rest_;
    std::optional<DecodeError> error_;
};

// ---- Parts that several messages have. Each pair keeps writer and reader side by side.

constexpr std::uint32_t kCandidateElements = 5;

void put(Writer& w, const CandidateInfo& info) {
    w.array(kCandidateElements);
    w.text(info.id);
    w.number(info.priority);
    w.text(info.poll);
    w.text(info.publish);
    w.text(info.heartbeat);
}

CandidateInfo get_candidate(Reader& r) {
    CandidateInfo info;
    const auto extra = r.array_of(kCandidateElements);
    info.id = r.name();
    info.priority = r.number<std::int32_t>();
    info.poll = r.url();
    info.publish = r.url();
    info.heartbeat = r.url();
    r.close(extra);
    return info;
}

void put(Writer& w, const std::vector<CandidateInfo>& list) {
    assert(list.size() <= kMaxCandidates);
    w.array(list.size());
    for (const CandidateInfo& info : list) put(w, info);
}

std::vector<CandidateInfo> get_candidates(Reader& r) {
    std::vector<CandidateInfo> list(r.list(kMaxCandidates));
    for (CandidateInfo& info : list) info = get_candidate(r);
    return list;
}

constexpr std::uint32_t kMapElements = 5;

void put(Writer& w, const ClockMap& map) {
    w.array(kMapElements);
    w.time(map.anchor_raw);
    w.time(map.anchor_cluster);
    w.number(map.rate_ppb);
    w.duration(map.slew);
    w.number(map.slew_rate_ppb);
}

ClockMap get_map(Reader& r) {
    ClockMap map;
    const auto extra = r.array_of(kMapElements);
    map.anchor_raw = r.time<RawTime>();
    map.anchor_cluster = r.time<ClusterTime>();
    map.rate_ppb = r.rate();
    map.slew = r.duration();
    map.slew_rate_ppb = r.number<std::int64_t>(0, kSlewRateMaxPpb);
    r.close(extra);
    return map;
}

constexpr std::uint32_t kCommitteeElements = 3;
constexpr std::uint32_t kVoterElements = 2;

void put(Writer& w, const Committee& committee) {
    assert(committee.voters.size() <= kMaxCommittee);
    w.array(kCommitteeElements);
    w.number(committee.term);
    w.number(committee.version);
    w.array(committee.voters.size());
    for (const Voter& voter : committee.voters) {
        w.array(kVoterElements);
        w.text(voter.id);
        w.number(voter.incarnation);
    }
}

Committee get_committee(Reader& r) {
    Committee committee;
    const auto extra = r.array_of(kCommitteeElements);
    committee.term = r.number<std::uint64_t>(0, kTermMax);
    committee.version = r.number<std::uint64_t>(0, kTermMax);
    committee.voters.resize(r.list(kMaxCommittee));
    for (Voter& voter : committee.voters) {
        const auto more = r.array_of(kVoterElements);
        voter.id = r.name();
        voter.incarnation = r.number<std::uint64_t>();
        r.close(more);
    }
    r.close(extra);
    return committee;
}

constexpr std::uint32_t kMemberElements = 8;

void put(Writer& w, const MemberStatus& m) {
    w.array(kMemberElements);
    w.text(m.id);
    w.choice(m.status);
    w.flag(m.outlier);
    w.duration(m.offset);
    w.duration(m.delay);
    w.duration(m.bound);
    w.number(m.freq_ppb);
    w.duration(m.last_seen);
}

MemberStatus get_member(Reader& r) {
    MemberStatus m;
    const auto extra = r.array_of(kMemberElements);
    m.id = r.name();
    m.status = r.choice(ClockStatus::disrupted);
    m.outlier = r.flag();
    m.offset = r.duration();
    m.delay = r.length();
    m.bound = r.length();
    m.freq_ppb = r.number<std::int64_t>();
    m.last_seen = r.length();
    r.close(extra);
    return m;
}

// ---- One writer and one reader for each body. `elements` counts what follows the header.

template <class Body>
struct Wire;

template <>
struct Wire<Hello> {
    static constexpr std::uint32_t elements = 6;
    static void put_body(Writer& w, const Hello& b) {
        w.number(b.incarnation);
        w.number(b.generation);
        w.number(b.freq_ppb);
        w.text(b.leader);
        w.array(b.candidate ? 1 : 0);
        if (b.candidate) put(w, *b.candidate);
        put(w, b.committee);
    }
    static void get_body(Reader& r, Hello& b) {
        b.incarnation = r.number<std::uint64_t>();
        b.generation = r.number<std::uint64_t>();
        b.freq_ppb = r.rate();
        b.leader = r.name(true);
        b.candidate.reset();
        if (r.list(1) == 1) b.candidate = get_candidate(r);
        b.committee = get_committee(r);
    }
};

template <>
struct Wire<Welcome> {
    static constexpr std::uint32_t elements = 6;
    static void put_body(Writer& w, const Welcome& b) {
        w.number(b.generation);
        w.choice(b.role);
        w.text(b.leader);
        w.duration(b.interval);
        put(w, b.candidates);
        w.flag(b.listen);
    }
    static void get_body(Reader& r, Welcome& b) {
        b.generation = r.number<std::uint64_t>();
        b.role = r.choice(Role::master);
        b.leader = r.name(true);
        b.interval = r.length();
        b.candidates = get_candidates(r);
        b.listen = r.flag();
    }
};

template <>
struct Wire<Poll> {
    static constexpr std::uint32_t elements = 3;
    static void put_body(Writer& w, const Poll& b) {
        w.number(b.round);
        w.number(b.probe);
        w.number(b.token);
    }
    static void get_body(Reader& r, Poll& b) {
        b.round = r.number<std::uint64_t>();
        b.probe = r.number<std::uint32_t>();
        b.token = r.number<std::uint64_t>();
    }
};

template <>
struct Wire<Reply> {
    static constexpr std::uint32_t elements = 12;
    static void put_body(Writer& w, const Reply& b) {
        w.number(b.round);
        w.number(b.probe);
        w.number(b.token);
        w.number(b.generation);
        w.time(b.t2);
        w.stamp(b.t3);
        put(w, b.map);
        w.duration(b.bound);
        w.choice(b.status);
        w.number(b.applied_term);
        w.number(b.applied_round);
        w.number(b.drift_ppb);
    }
    static void get_body(Reader& r, Reply& b) {
        b.round = r.number<std::uint64_t>();
        b.probe = r.number<std::uint32_t>();
        b.token = r.number<std::uint64_t>();
        b.generation = r.number<std::uint64_t>();
        b.t2 = r.time<RawTime>();
        b.t3 = r.time<RawTime>();
        b.map = get_map(r);
        b.bound = r.length();
        b.status = r.choice(ClockStatus::disrupted);
        b.applied_term = r.number<std::uint64_t>();
        b.applied_round = r.number<std::uint64_t>();
        b.drift_ppb = r.drift();
    }
};

template <>
struct Wire<RoundNotice> {
    static constexpr std::uint32_t elements = 5;
    static void put_body(Writer& w, const RoundNotice& b) {
        w.number(b.round);
        w.choice(b.state);
        w.number(b.members);
        w.number(b.replied);
        w.duration(b.average);
    }
    static void get_body(Reader& r, RoundNotice& b) {
        b.round = r.number<std::uint64_t>();
        b.state = r.choice(RoundState::split);
        b.members = r.number<std::uint32_t>();
        b.replied = r.number<std::uint32_t>();
        b.average = r.duration();
    }
};

template <>
struct Wire<Correction> {
    static constexpr std::uint32_t elements = 10;
    static void put_body(Writer& w, const Correction& b) {
        w.number(b.round);
        w.text(b.target);
        w.number(b.generation);
        w.number(b.basis_term);
        w.number(b.basis_round);
        w.time(b.measured_at);
        w.duration(b.correction);
        w.number(b.freq_ppb);
        w.duration(b.bound);
        w.number(b.drift_ppb);
    }
    static void get_body(Reader& r, Correction& b) {
        b.round = r.number<std::uint64_t>();
        b.target = r.name();
        b.generation = r.number<std::uint64_t>();
        b.basis_term = r.number<std::uint64_t>();
        b.basis_round = r.number<std::uint64_t>();
        b.measured_at = r.time<RawTime>();
        b.correction = r.duration();
        b.freq_ppb = r.rate_difference();
        b.bound = r.length();
        b.drift_ppb = r.drift();
    }
};

template <>
struct Wire<Heartbeat> {
    static constexpr std::uint32_t elements = 8;
    static void put_body(Writer& w, const Heartbeat& b) {
        w.number(b.sequence);
        w.choice(b.role);
        w.number(b.priority);
        w.number(b.round);
        w.duration(b.lease_left);
        put(w, b.committee);
        put(w, b.candidates);
        w.duration(b.timeout);
    }
    static void get_body(Reader& r, Heartbeat& b) {
        b.sequence = r.number<std::uint64_t>();
        b.role = r.choice(Role::master);
        b.priority = r.number<std::int32_t>();
        b.round = r.number<std::uint64_t>();
        b.lease_left = r.length();
        b.committee = get_committee(r);
        b.candidates = get_candidates(r);
        b.timeout = r.length();
    }
};

template <>
struct Wire<Ack> {
    static constexpr std::uint32_t elements = 4;
    static void put_body(Writer& w, const Ack& b) {
        w.number(b.sequence);
        w.number(b.incarnation);
        w.number(b.committee_term);
        w.number(b.committee_version);
    }
    static void get_body(Reader& r, Ack& b) {
        b.sequence = r.number<std::uint64_t>();
        b.incarnation = r.number<std::uint64_t>();
        b.committee_term = r.number<std::uint64_t>();
        b.committee_version = r.number<std::uint64_t>();
    }
};

template <>
struct Wire<VoteRequest> {
    static constexpr std::uint32_t elements = 5;
    static void put_body(Writer& w, const VoteRequest& b) {
        w.number(b.incarnation);
        w.number(b.priority);
        w.number(b.committee_term);
        w.number(b.committee_version);
        w.flag(b.handover);
    }
    static void get_body(Reader& r, VoteRequest& b) {
        b.incarnation = r.number<std::uint64_t>();
        b.priority = r.number<std::int32_t>();
        b.committee_term = r.number<std::uint64_t>();
        b.committee_version = r.number<std::uint64_t>();
        b.handover = r.flag();
    }
};

template <>
struct Wire<Grant> {
    static constexpr std::uint32_t elements = 2;
    static void put_body(Writer& w, const Grant& b) {
        w.flag(b.pre_vote);
        w.number(b.incarnation);
    }
    static void get_body(Reader& r, Grant& b) {
        b.pre_vote = r.flag();
        b.incarnation = r.number<std::uint64_t>();
    }
};

template <>
struct Wire<Refuse> {
    static constexpr std::uint32_t elements = 3;
    static void put_body(Writer& w, const Refuse& b) {
        w.choice(b.kind);
        w.number(b.generation);
        w.text(b.reason);
    }
    static void get_body(Reader& r, Refuse& b) {
        b.kind = r.choice(RefuseKind::not_allowed);
        b.generation = r.number<std::uint64_t>();
        b.reason = r.text<Reason>();
    }
};

template <>
struct Wire<StepDown> {
    static constexpr std::uint32_t elements = 1;
    static void put_body(Writer& w, const StepDown& b) { w.text(b.successor); }
    static void get_body(Reader& r, StepDown& b) { b.successor = r.name(true); }
};

template <>
struct Wire<StatusRequest> {
    static constexpr std::uint32_t elements = 1;
    static void put_body(Writer& w, const StatusRequest& b) { w.number(b.first_member); }
    static void get_body(Reader& r, StatusRequest& b) { b.first_member = r.number<std::uint32_t>(); }
};

template <>
struct Wire<StatusAnswer> {
    static constexpr std::uint32_t elements = 14;
    static void put_body(Writer& w, const StatusAnswer& b) {
        assert(b.members.size() <= kMaxStatusMembers);
        w.choice(b.role);
        w.text(b.leader);
        w.number(b.round);
        w.choice(b.state);
        w.choice(b.status);
        w.duration(b.bound);
        w.time(b.cluster_time);
        w.number(b.disruptions);
        put(w, b.candidates);
        w.number(b.first_member);
        w.number(b.members_total);
        w.array(b.members.size());
        for (const MemberStatus& m : b.members) put(w, m);
        put(w, b.committee);
        w.duration(b.lease_left);
    }
    static void get_body(Reader& r, StatusAnswer& b) {
        b.role = r.choice(Role::master);
        b.leader = r.name(true);
        b.round = r.number<std::uint64_t>();
        b.state = r.choice(RoundState::split);
        b.status = r.choice(ClockStatus::disrupted);
        b.bound = r.length();
        b.cluster_time = r.time<ClusterTime>();
        b.disruptions = r.number<std::uint64_t>();
        b.candidates = get_candidates(r);
        b.first_member = r.number<std::uint32_t>();
        b.members_total = r.number<std::uint32_t>();
        b.members.assign(r.list(kMaxStatusMembers), {});
        for (MemberStatus& m : b.members) m = get_member(r);
        b.committee = get_committee(r);
        b.lease_left = r.length();
    }
};

template <>
struct Wire<Bye> {
    static constexpr std::uint32_t elements = 1;
    static void put_body(Writer& w, const Bye& b) { w.number(b.generation); }
    static void get_body(Reader& r, Bye& b) { b.generation = r.number<std::uint64_t>(); }
};

Type type_of(const Body& body) {
    if (const auto* vote = std::get_if<VoteRequest>(&body)) return vote->pre_vote ? Type::pre_vote : Type::vote;
    // In the order of Body's alternatives; the vote was told apart above.
    constexpr std::array kTypes{Type::hello, Type::welcome,   Type::poll, Type::reply, Type::round,
                                Type::correction, Type::heartbeat, Type::ack, Type::vote,  Type::grant,
                                Type::refuse, Type::step_down, Type::status_request, Type::status_answer, Type::bye};
    static_assert(kTypes.size() == std::variant_size_v<Body>);
    return kTypes[body.index()];
}

/// Reuses what the message held, where it is of the same kind: no allocation for the frequent ones.
template <class B>
void read_body(Reader& r, Message& out, std::uint32_t size) {
    if (size < kHeaderElements + Wire<B>::elements ||
        size > kHeaderElements + Wire<B>::elements + kMaxExtraElements) {
        return r.fail(DecodeError::malformed);
    }
    if (!std::holds_alternative<B>(out.body)) out.body.template emplace<B>();
    Wire<B>::get_body(r, std::get<B>(out.body));
    r.close(size - kHeaderElements - Wire<B>::elements);
}

void read_vote(Reader& r, Message& out, std::uint32_t size, bool pre_vote) {
    read_body<VoteRequest>(r, out, size);
    if (r.good()) std::get<VoteRequest>(out.body).pre_vote = pre_vote;
}

void read_typed(Reader& r, Type type, Message& out, std::uint32_t size) {
    switch (type) {
        case Type::hello: return read_body<Hello>(r, out, size);
        case Type::welcome: return read_body<Welcome>(r, out, size);
        case Type::poll: return read_body<Poll>(r, out, size);
        case Type::reply: return read_body<Reply>(r, out, size);
        case Type::round: return read_body<RoundNotice>(r, out, size);
        case Type::correction: return read_body<Correction>(r, out, size);
        case Type::heartbeat: return read_body<Heartbeat>(r, out, size);
        case Type::ack: return read_body<Ack>(r, out, size);
        case Type::pre_vote: return read_vote(r, out, size, true);
        case Type::vote: return read_vote(r, out, size, false);
        case Type::grant: return read_body<Grant>(r, out, size);
        case Type::refuse: return read_body<Refuse>(r, out, size);
        case Type::step_down: return read_body<StepDown>(r, out, size);
        case Type::status_request: return read_body<StatusRequest>(r, out, size);
        case Type::status_answer: return read_body<StatusAnswer>(r, out, size);
        case Type::bye: return read_body<Bye>(r, out, size);
    }
    r.fail(DecodeError::unknown_type);
}

}  // namespace

std::string_view to_string(DecodeError error) {
    switch (error) {
        case DecodeError::oversize: return "oversize";
        case DecodeError::malformed: return "malformed";
        case DecodeError::version: return "version";
        case DecodeError::unknown_type: return "unknown-type";
        case DecodeError::foreign_cluster: return "foreign-cluster";
        case DecodeError::out_of_range: return "out-of-range";
    }
    return "malformed";
}

void encode(const Message& message, Encoded& out) {
    out.bytes.clear();
    out.stamp_at = 0;
    Writer w(out);
    std::visit(
        [&]<class B>(const B& body) {
            w.array(kHeaderElements + Wire<B>::elements);
            w.number(std::uint32_t{kWireVersion});
            w.choice(type_of(message.body));
            w.text(message.header.cluster);
            w.text(message.header.sender);
            w.number(message.header.term);
            Wire<B>::put_body(w, body);
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

std::optional<DecodeError> decode(std::span<const std::byte> bytes, const ClusterName& cluster, Message& out) {
    if (bytes.size() > kMaxMessageBytes) return DecodeError::oversize;
    Reader r(bytes);
    const std::uint32_t size = r.array();
    if (!r.good() || size < kHeaderElements) return DecodeError::malformed;
    const auto version = r.number<std::uint64_t>();
    if (!r.good()) return r.error();
    if (version != kWireVersion) return DecodeError::version;
    const auto type = r.number<std::uint8_t>();
    out.header.cluster = r.name();
    if (!r.good()) return r.error();
    if (out.header.cluster != cluster) return DecodeError::foreign_cluster;
    out.header.sender = r.name();
    out.header.term = r.number<std::uint64_t>(0, kTermMax);
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
    if (const auto* correction = std::get_if<Correction>(&message.body)) return correction_topic(correction->target);
    return std::string{kRoundTopic};
}

}  // namespace berkeley
