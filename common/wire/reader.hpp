// Reader: a bounded cursor over msgpack's format bytes. It reads the message struct in one pass and builds
// no tree of objects, so no count in the input can make it allocate. Types that we reject anyway (floats,
// maps, nil, extensions) need no code. It fails closed: at the first element that docs/PROTOCOL.md does not
// allow it goes bad and stays bad; from then on reads give zeros.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/codec.hpp"

namespace berkeley::wire {

template <class Part>
struct Fields;

/// How many elements of a part every version has written. A part with elements appended since says so.
template <class Part>
constexpr std::uint32_t required() {
    if constexpr (requires { Fields<Part>::required; }) {
        return Fields<Part>::required;
    } else {
        return Fields<Part>::count;
    }
}

/// The reader skips elements that a newer version has appended, nested no deeper than this.
inline constexpr int kSkipDepthMax = 4;
inline constexpr std::uint32_t kMaxExtraElements = 64;

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
    /// Reads an array of `size` elements, of which the first `required` must be there. `read` reads those
    /// that this version knows; the rest is skipped.
    template <class Read>
    void elements(std::uint32_t size, std::uint32_t required, Read read) {
        if (good() && (size < required || size > required + kMaxExtraElements)) fail(DecodeError::malformed);
        const std::uint32_t outer = std::exchange(extra_, good() ? size - required : 0);
        read();
        for (; extra_ > 0 && good(); --extra_) skip(kSkipDepthMax);
        extra_ = outer;
    }
    /// An element that was appended later: a message of an older version lacks it, and then it gets `absent`.
    template <class Value, class Read>
    void appended(Value& out, Value absent, Read read) {
        if (extra_ == 0) {
            out = std::move(absent);
            return;
        }
        --extra_;
        read(out);
    }

    template <class Number>
    void number(Number& out, Number low = std::numeric_limits<Number>::min(),
                Number high = std::numeric_limits<Number>::max()) {
        const Int128 value = integer();
        if (good() && (value < low || value > high)) fail(DecodeError::out_of_range);
        out = good() ? static_cast<Number>(value) : Number{};
    }
    /// A place that has lost its meaning.
    void reserved() { integer(); }
    void flag(bool& out) {
        std::uint8_t value = 0;
        number(value, std::uint8_t{0}, std::uint8_t{1});
        out = value == 1;
    }
    template <class Enum>
    void choice(Enum& out, Enum last) {
        std::uint8_t value = 0;
        number(value, std::uint8_t{0}, static_cast<std::uint8_t>(last));
        out = static_cast<Enum>(value);
    }
    template <class Point>
    void time(Point& out) {
        std::int64_t ns = 0;
        number(ns);
        out = from_ns<Point>(ns);
        if (good() && !is_sane(out)) fail(DecodeError::out_of_range);
    }
    void stamp(RawTime& out) { time(out); }
    void duration(Duration& out) { span(out, -kDurationMax); }
    void length(Duration& out) { span(out, 0); }
    void term(std::uint64_t& out) { number(out, std::uint64_t{0}, kTermMax); }
    void rate(std::int64_t& out) { number(out, -kRateMaxPpb, kRateMaxPpb); }
    void rate_difference(std::int64_t& out) { number(out, -2 * kRateMaxPpb, 2 * kRateMaxPpb); }
    void drift(std::int64_t& out) { number(out, std::int64_t{0}, kDriftMaxPpb); }

    template <std::size_t N>
    void text(BoundedString<N>& out) {
        const auto value = BoundedString<N>::from(raw_text());
        const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
        if (good() && (!value || !std::all_of(value->view().begin(), value->view().end(), printable))) {
            fail(DecodeError::out_of_range);
        }
        out = good() ? *value : BoundedString<N>{};
    }
    void name(NodeId& out) {
        text(out);
        if (good() && !is_valid_name(out.view())) fail(DecodeError::out_of_range);
    }
    void name_or_none(NodeId& out) {
        text(out);
        if (good() && !out.empty() && !is_valid_name(out.view())) fail(DecodeError::out_of_range);
    }
    void url(Url& out) {
        text(out);
        if (good() && (out.empty() || out.view().find(' ') != std::string_view::npos))
            fail(DecodeError::out_of_range);
    }

    /// A field that does not travel gets the value of a new part.
    template <class Part>
    void part(Part& out) {
        out = Part{};
        elements(array(), required<Part>(), [&] { Fields<Part>::each(*this, out); });
    }
    template <class Part>
    void list(std::vector<Part>& out, std::size_t size_max) {
        out.resize(size_of_list(size_max));
        for (Part& value : out) part(value);
    }
    template <class Part>
    void optional(std::optional<Part>& out) {
        out.reset();
        if (size_of_list(1) == 1) part(out.emplace());
    }

private:
    std::uint32_t size_of_list(std::size_t size_max) {
        const std::uint32_t size = array();
        if (good() && size > size_max) fail(DecodeError::out_of_range);
        return good() ? size : 0;
    }

    void span(Duration& out, std::int64_t low) {
        std::int64_t ns = 0;
        number(ns, low, kDurationMax);
        out = Duration{ns};
    }

    Int128 integer() {
        const std::uint8_t head = byte();
        if (head < 0x80) return head;
        if (head >= 0xe0) return static_cast<std::int8_t>(head);
        switch (head) {
            case 0xcc:
                return big_endian(1);
            case 0xcd:
                return big_endian(2);
            case 0xce:
                return big_endian(4);
            case 0xcf:
                return big_endian(8);
            case 0xd0:
                return static_cast<std::int8_t>(big_endian(1));
            case 0xd1:
                return static_cast<std::int16_t>(big_endian(2));
            case 0xd2:
                return static_cast<std::int32_t>(big_endian(4));
            case 0xd3:
                return static_cast<std::int64_t>(big_endian(8));
            default:
                fail(DecodeError::malformed);
                return 0;
        }
    }

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

    /// Skips one element of unknown meaning: an integer, a string or a shallow array.
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
    std::uint32_t extra_ = 0;  ///< elements of the present array that are left beyond the required ones
    std::optional<DecodeError> error_;
};

}  // namespace berkeley::wire
