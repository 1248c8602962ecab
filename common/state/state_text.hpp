// state_text: the content of the files of StateFile: one line of JSON, and one line with the CRC-32 of the
// first. Stateless.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "state/saved_state.hpp"

namespace berkeley {

/// No text is longer: eight candidates with three URLs each are the most that a node learns.
inline constexpr std::size_t kMaxStateBytes = 64 * 1024;

/// Requires: the lists keep their bounds (asserted).
std::string to_text(const Promises& promises);
std::string to_text(const Learned& learned);

struct PromisesText {
    Promises promises;
    std::optional<Learned> learned;  ///< an earlier release saved both in one file
};

/// The error says what is wrong with the text, as the end of a sentence: "does not match its checksum".
[[nodiscard]] Result<PromisesText> promises_from(std::string_view text);
[[nodiscard]] Result<Learned> learned_from(std::string_view text);

}  // namespace berkeley
