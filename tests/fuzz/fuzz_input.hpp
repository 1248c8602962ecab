// The bytes of one run, taken piece by piece; past the end there are zeros.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace berkeley::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

    bool empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t value = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return value;
    }
    std::uint16_t word() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }
    std::span<const std::byte> take(std::size_t size) {
        const auto piece = bytes_.first(std::min(size, bytes_.size()));
        bytes_ = bytes_.subspan(piece.size());
        return std::as_bytes(piece);
    }

private:
    std::span<const std::uint8_t> bytes_;
};

inline std::string text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

}  // namespace berkeley::fuzz
