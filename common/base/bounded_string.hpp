// BoundedString: a short string stored inside its owner. Names and URLs in messages cost no allocation and
// are never longer than their type says. Invariant: size() <= Capacity. Plain value.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace berkeley {

template <std::size_t Capacity>
class BoundedString {
    static_assert(Capacity <= 255);

public:
    static constexpr std::size_t kCapacity = Capacity;

    constexpr BoundedString() = default;

    /// Returns the text, or nothing where it is too long.
    static constexpr std::optional<BoundedString> from(std::string_view text) {
        if (text.size() > Capacity) return std::nullopt;
        BoundedString result;
        std::copy(text.begin(), text.end(), result.chars_.begin());
        result.size_ = static_cast<std::uint8_t>(text.size());
        return result;
    }

    constexpr std::string_view view() const { return {chars_.data(), size_}; }
    std::string str() const { return std::string(view()); }
    constexpr bool empty() const { return size_ == 0; }

    friend constexpr bool operator==(const BoundedString& a, const BoundedString& b) {
        return a.view() == b.view();
    }
    friend constexpr auto operator<=>(const BoundedString& a, const BoundedString& b) {
        return a.view() <=> b.view();
    }

private:
    std::array<char, Capacity> chars_{};
    std::uint8_t size_ = 0;
};

/// Names of nodes and clusters: 1 to 63 characters of [A-Za-z0-9._-]. So a name can stand in topics, file
/// names and log lines as it is.
using NodeId = BoundedString<63>;
using ClusterName = BoundedString<63>;
using Url = BoundedString<255>;

constexpr bool is_valid_name(std::string_view text) {
    if (text.empty() || text.size() > NodeId::kCapacity || text.front() == '.') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    });
}

/// Requires: is_valid_name(text); meant for literals and for text that was checked before.
inline NodeId node_id(std::string_view text) { return NodeId::from(text).value(); }

}  // namespace berkeley

template <std::size_t Capacity>
struct std::hash<berkeley::BoundedString<Capacity>> {
    std::size_t operator()(const berkeley::BoundedString<Capacity>& s) const noexcept {
        return std::hash<std::string_view>{}(s.view());
    }
};
