// Result<T>: a value, or one line that says what was wrong and what is allowed. It reports what the world
// gets wrong; our own bugs are asserts.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace berkeley {

template <class T>
using Result = tl::expected<T, std::string>;

inline tl::unexpected<std::string> failure(std::string line) {
    return tl::unexpected<std::string>(std::move(line));
}

}  // namespace berkeley
