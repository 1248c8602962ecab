// Text for people: one line, the calendar, counted things. Depends on no locale. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace berkeley {

/// The length of the UTF-8 character that `text` starts with; 0 where it starts with none.
std::size_t utf8_length(std::string_view text);

/// The text as one line that gives no orders to a terminal: each control character becomes a space, each byte
/// that is not UTF-8 a question mark. No spaces at the end.
std::string one_line(std::string_view text);

/// "2026-01-01 12:00:00.123456": cluster time read as UTC, by convention.
std::string calendar_text(ClusterTime time);

/// "1 slave", "2 slaves".
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace berkeley
