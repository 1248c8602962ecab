// The kinds of options of our programs. Each function adds one option to a command. The value is checked
// where it is read, and both the help and the error say what is allowed. `target` holds the default and
// outlives the command. A bad value is a UsageError that names the option.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bounded_string.hpp"
#include "base/duration_text.hpp"
#include "base/time.hpp"
#include "cli/command.hpp"

namespace berkeley {

void add_duration(Command& command, const std::string& name, Duration& target, DurationRange range,
                  const std::string& help);

struct IntegerRange {
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<std::int64_t>::max();  ///< this one: --help names no range
};

/// Reads `given` as a whole number within the range; else throws as reject() does.
std::int64_t integer_of(const std::string& name, const std::string& given, IntegerRange range);

void add_integer(Command& command, OptionText text, IntegerRange range,
                 std::function<void(std::int64_t)> taken);

template <class Integer>
void add_integer(Command& command, const std::string& name, Integer& target, IntegerRange range,
                 const std::string& help) {
    add_integer(command, {name, help, "N", std::to_string(target)}, range,
                [&target](std::int64_t value) { target = static_cast<Integer>(value); });
}

/// A rate: ppm on the command line, ppb inside.
void add_rate(Command& command, const std::string& name, std::int64_t& target_ppb, double least, double most,
              const std::string& help);

/// The name of a node or of a cluster.
void add_name(Command& command, const std::string& name, std::optional<NodeId>& target,
              const std::string& help, const std::string& default_text);

/// One of several words: `taken` is called with its place among them.
void add_word(Command& command, const std::string& name, const std::vector<std::string>& words,
              const std::string& default_text, const std::string& help,
              std::function<void(std::size_t)> taken);

template <class Value>
void add_choice(Command& command, const std::string& name, Value& target,
                const std::vector<std::pair<std::string, Value>>& choices, const std::string& help) {
    std::vector<std::string> words;
    std::string current;
    for (const auto& [word, value] : choices) {
        words.push_back(word);
        if (value == target && current.empty()) current = word;
    }
    add_word(command, name, words, current, help,
             [&target, choices](std::size_t chosen) { target = choices[chosen].second; });
}

/// An endpoint of our own.
void add_bind(Command& command, const std::string& name, std::string& target, const std::string& help);

/// An endpoint that others connect to.
void add_connect(Command& command, const std::string& name, std::string& target, const std::string& help);

/// Endpoints of other nodes: each once, at most kMaxCandidates.
void add_connects(Command& command, const std::string& name, std::vector<Url>& target,
                  const std::string& help);

/// Any text; the caller checks it.
void add_text(Command& command, const OptionText& text, std::string& target);
void add_text(Command& command, const OptionText& text, std::optional<std::string>& target);
void add_texts(Command& command, const OptionText& text, std::vector<std::string>& target, Values values);

void add_path(Command& command, const std::string& name, std::optional<std::string>& target,
              const std::string& type, const std::string& help);

}  // namespace berkeley
