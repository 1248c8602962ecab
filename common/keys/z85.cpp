#include "keys/z85.hpp"

namespace berkeley {
namespace {

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::uint64_t kBase = 85;
static_assert(kDigits.size() == kBase);

}  // namespace

std::string z85_encode(std::span<const std::uint8_t> bytes) {
    std::string text(z85_size(bytes.size()), ' ');
    for (std::size_t group = 0; group < bytes.size() / 4; ++group) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[4 * group + i];
        for (std::size_t i = 5; i-- > 0; value /= kBase) text[5 * group + i] = kDigits[value % kBase];
    }
    return text;
}

bool z85_decode(std::string_view text, std::span<std::uint8_t> bytes) {
    if (text.size() != z85_size(bytes.size())) return false;
    for (std::size_t group = 0; group < bytes.size() / 4; ++group) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < 5; ++i) {
            const std::size_t digit = kDigits.find(text[5 * group + i]);
            if (digit == std::string_view::npos) return false;
            value = value * kBase + digit;
        }
        if (value > UINT32_MAX) return false;
        for (std::size_t i = 4; i-- > 0; value >>= 8) bytes[4 * group + i] = static_cast<std::uint8_t>(value);
    }
    return true;
}

}  // namespace berkeley
