#include "base/text.hpp"

#include <chrono>

namespace berkeley {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

/// C0, DEL and C1: the last are two bytes in UTF-8, and some terminals obey them too.
bool is_control(std::string_view character) {
    if (character.size() == 1) return byte_at(character, 0) < 0x20 || byte_at(character, 0) == 0x7f;
    return character.size() == 2 && byte_at(character, 0) == 0xc2 && byte_at(character, 1) < 0xa0;
}

void append_padded(std::string& text, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    if (digits.size() < width) text.append(width - digits.size(), '0');
    text += digits;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const unsigned first = byte_at(text, 0);
    if (first < 0x80) return 1;
    const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
    }
    // Overlong forms, surrogates, and what lies beyond Unicode's last character.
    const unsigned second = byte_at(text, 1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return length;
}

std::string one_line(std::string_view text) {
    std::string line;
    line.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, length);
        if (length == 0) {
            line += '?';
        } else if (is_control(character)) {
            line += ' ';
        } else {
            line += character;
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

std::string calendar_text(ClusterTime time) {
    using namespace std::chrono;
    const auto day = floor<days>(time.time_since_epoch());
    const year_month_day date{sys_days{day}};
    const hh_mm_ss clock{floor<microseconds>(time.time_since_epoch() - day)};
    std::string text;
    append_padded(text, int{date.year()}, 4);
    append_padded(text += '-', unsigned{date.month()}, 2);
    append_padded(text += '-', unsigned{date.day()}, 2);
    append_padded(text += ' ', clock.hours().count(), 2);
    append_padded(text += ':', clock.minutes().count(), 2);
    append_padded(text += ':', clock.seconds().count(), 2);
    append_padded(text += '.', clock.subseconds().count(), 6);
    return text;
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace berkeley
