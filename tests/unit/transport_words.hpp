// What every test of the transport needs: a clock, a deadline, and payloads that are plain text.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "net/transport.hpp"

namespace berkeley {

using namespace std::chrono_literals;

inline RawTime read_clock(const void*) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return RawTime{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}
inline constexpr RawSource kClock{&read_clock, nullptr};
inline constexpr Duration kPatience = 10s;

inline Encoded encoded(std::string_view text) {
    Encoded result;
    for (const char c : text) result.bytes.push_back(static_cast<std::byte>(c));
    return result;
}

inline std::string text(const Inbound& in) {
    return {reinterpret_cast<const char*>(in.payload.data()), in.payload.size()};
}

}  // namespace berkeley
