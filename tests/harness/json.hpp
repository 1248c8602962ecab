// Json: a value that a program printed, for reading only.
//
// It has the words of nlohmann::json for what readers of events need, and none of its header: that costs
// seconds in every file, and json.cpp alone pays for it. A key that is missing reads as null; a number and a
// text compare with what they hold, and anything else is unequal. Thread-safe to read.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace berkeley::harness {

template <class T>
concept JsonNumber =
    (std::integral<T> && (sizeof(T) >= 4 || std::same_as<T, bool>)) || std::floating_point<T>;

class Json {
public:
    Json() = default;                                ///< null
    Json(std::initializer_list<const char*> texts);  ///< an array

    /// Bytes that are no JSON give a value that is_discarded().
    static Json parse(std::string_view text);

    bool is_discarded() const { return kind_ == Kind::discarded; }
    bool is_null() const { return kind_ == Kind::null; }
    bool is_object() const { return kind_ == Kind::object; }
    bool is_array() const { return kind_ == Kind::array; }
    bool is_string() const { return kind_ == Kind::text; }
    bool is_number() const { return kind_ == Kind::integer || kind_ == Kind::real; }
    bool is_number_unsigned() const { return kind_ == Kind::integer && integer_ >= 0; }

    /// Of an object or array: its elements, an object's in the order of their keys.
    std::size_t size() const { return elements_.size(); }
    bool empty() const { return elements_.empty(); }
    auto begin() const { return elements_.begin(); }
    auto end() const { return elements_.end(); }
    bool contains(std::string_view key) const { return find(key) != nullptr; }
    const Json& operator[](std::string_view key) const&;
    const Json& operator[](std::size_t index) const&;
    /// By value from a value that goes: a loop over it may not outlive it.
    Json operator[](std::string_view key) && { return std::as_const(*this)[key]; }
    std::vector<std::pair<std::string, Json>> items() const;
    void erase(std::string_view key);

    /// The text at a key, or another where there is none.
    std::string value(std::string_view key, std::string_view otherwise) const;

    /// 0, false, empty where it is none. Requires of integers: between the least and the most int64.
    template <class T>
    T get() const {
        if constexpr (std::same_as<T, std::string>) {
            return text_;
        } else if constexpr (std::same_as<T, std::vector<std::string>>) {
            return texts();
        } else {
            static_assert(JsonNumber<T>);
            return kind_ == Kind::real ? static_cast<T>(real_) : static_cast<T>(integer_);
        }
    }
    std::vector<std::string> texts() const;  ///< of an array of texts
    operator std::string() const { return text_; }
    template <JsonNumber T>
    operator T() const {
        return get<T>();
    }

    std::string dump() const;

    bool operator==(const Json&) const = default;
    friend bool operator==(const Json& json, std::string_view text) {
        return json.is_string() && json.text_ == text;
    }
    template <JsonNumber T>
    friend bool operator==(const Json& json, T number) {
        return (json <=> number) == 0;
    }
    template <JsonNumber T>
    friend std::partial_ordering operator<=>(const Json& json, T number) {
        if (std::same_as<T, bool> != (json.kind_ == Kind::boolean)) return std::partial_ordering::unordered;
        if (json.kind_ == Kind::real) return json.real_ <=> static_cast<double>(number);
        if (json.kind_ != Kind::integer && json.kind_ != Kind::boolean)
            return std::partial_ordering::unordered;
        if constexpr (std::floating_point<T>) {
            return static_cast<T>(json.integer_) <=> number;
        } else {
            return json.integer_ <=> static_cast<std::int64_t>(number);
        }
    }
    friend std::ostream& operator<<(std::ostream& out, const Json& json);

private:
    enum class Kind : std::uint8_t { null, discarded, boolean, integer, real, text, array, object };
    struct Convert;

    const Json* find(std::string_view key) const;

    Kind kind_ = Kind::null;
    std::int64_t integer_ = 0;  ///< or a boolean; numbers beyond it (generations) keep their 64 bits
    double real_ = 0;
    std::string text_;
    std::vector<std::string> keys_;  ///< an object's, beside its elements
    std::vector<Json> elements_;
};

}  // namespace berkeley::harness
