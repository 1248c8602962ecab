// Writer: appends the fields of a message to bytes, through msgpack's packer. It has the reader's public
// functions, so one list of fields (wire/fields.hpp) serves both ways. It does not check the reader's
// limits.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <msgpack.hpp>
#include <optional>
#include <type_traits>
#include <vector>

#include "wire/codec.hpp"

namespace berkeley::wire {

template <class Part>
struct Fields;

class Writer {
public:
    explicit Writer(Encoded& out) : out_(out), sink_{out.bytes}, packer_(sink_) {}

    void array(std::size_t size) { packer_.pack_array(static_cast<std::uint32_t>(size)); }

    template <class Number>
    void number(Number value, Number /*low*/ = {}, Number /*high*/ = {}) {
        if constexpr (std::is_signed_v<Number>) {
            packer_.pack_int64(value);
        } else {
            packer_.pack_uint64(value);
        }
    }
    void reserved() { flag(false); }
    void flag(bool value) { packer_.pack_uint8(value ? 1 : 0); }
    template <class Enum>
    void choice(Enum value, Enum /*last*/) {
        packer_.pack_uint8(static_cast<std::uint8_t>(value));
    }
    template <class Point>
    void time(Point value) {
        number(to_ns(value));
    }
    /// Writes the one time that is patched later: always nine bytes.
    void stamp(RawTime value) {
        packer_.pack_fix_int64(to_ns(value));
        out_.stamp_at = out_.bytes.size() - sizeof(std::int64_t);
    }
    void duration(Duration value) { number(std::int64_t{value.count()}); }
    void length(Duration value) { duration(value); }
    void term(std::uint64_t value) { number(value); }
    void rate(std::int64_t value) { number(value); }
    void rate_difference(std::int64_t value) { number(value); }
    void drift(std::int64_t value) { number(value); }
    template <std::size_t N>
    void text(const BoundedString<N>& value) {
        const auto view = value.view();
        packer_.pack_str(static_cast<std::uint32_t>(view.size()));
        packer_.pack_str_body(view.data(), static_cast<std::uint32_t>(view.size()));
    }
    void name(const NodeId& value) { text(value); }
    void name_or_none(const NodeId& value) { text(value); }
    void url(const Url& value) { text(value); }

    template <class Value, class Write>
    void appended(const Value& value, const Value& /*absent*/, Write write) {
        write(value);
    }

    template <class Part>
    void part(const Part& value) {
        array(Fields<Part>::count);
        Fields<Part>::each(*this, value);
    }
    template <class Part>
    void list(const std::vector<Part>& values, [[maybe_unused]] std::size_t size_max) {
        assert(values.size() <= size_max);
        array(values.size());
        for (const Part& value : values) part(value);
    }
    /// Writes an optional part as a list of none or one.
    template <class Part>
    void optional(const std::optional<Part>& value) {
        array(value ? 1 : 0);
        if (value) part(*value);
    }

private:
    struct Sink {
        std::vector<std::byte>& bytes;
        void write(const char* data, std::size_t size) {
            const auto* begin = reinterpret_cast<const std::byte*>(data);
            bytes.insert(bytes.end(), begin, begin + size);
        }
    };

    Encoded& out_;
    Sink sink_;
    msgpack::packer<Sink> packer_;
};

}  // namespace berkeley::wire
