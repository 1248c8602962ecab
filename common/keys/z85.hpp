// Z85: four bytes as five printable characters, as ZeroMQ writes keys (rfc.zeromq.org/spec/32). Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace berkeley {

constexpr std::size_t z85_size(std::size_t bytes) { return bytes / 4 * 5; }

/// Requires: a multiple of four bytes.
std::string z85_encode(std::span<const std::uint8_t> bytes);

/// False where the text has another length than `bytes` asks for, a character that is not Z85's, or a group
/// beyond 32 bits. `bytes` may be half written then.
[[nodiscard]] bool z85_decode(std::string_view text, std::span<std::uint8_t> bytes);

}  // namespace berkeley
