// JsonWriter: builds JSON as text, in the order in which its parts are given. Only builds: berkeley reads
// JSON elsewhere. Depends on no locale. Not thread-safe.
//
//   JsonWriter json;
//   json.begin_object().field("id", "s1").key("voters").begin_array().value("a").end_array().end_object();
//   json.take()  ->  {"id":"s1","voters":["a"]}
//
// Text may come from the network: bytes that are not UTF-8 become U+FFFD, so that the result is always valid.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berkeley {

class JsonWriter {
public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
    JsonWriter& value(std::signed_integral auto number) { return integer(std::int64_t{number}); }
    JsonWriter& value(std::unsigned_integral auto number) requires(!std::same_as<decltype(number), bool>) {
        return integer(std::uint64_t{number});
    }
    /// The shortest text that reads back as the same number; null where it is not finite.
    JsonWriter& value(double number);
    JsonWriter& value(std::nullptr_t) { return raw("null"); }
    template <class Value>
    JsonWriter& value(const std::optional<Value>& content) {
        return content ? value(*content) : value(nullptr);
    }

    /// A key and its value.
    template <class Value>
    JsonWriter& field(std::string_view name, const Value& content) {
        return key(name).value(content);
    }

    /// Text that is JSON already, as one value.
    JsonWriter& raw(std::string_view json);

    const std::string& text() const { return text_; }
    std::string take();

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    JsonWriter& integer(std::int64_t number);
    JsonWriter& integer(std::uint64_t number);
    void separate();
    void quote(std::string_view text);

    std::string text_;
    bool comma_due_ = false;
};

}  // namespace berkeley
