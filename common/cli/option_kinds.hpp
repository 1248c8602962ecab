// The kinds of options of our programs. Each function adds one option to an app. The value is checked where
// it is read, and both the help and the error say what is allowed. `target` holds the default and outlives
// the app. A bad value is a CLI::ValidationError that names the option.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/bounded_string.hpp"
#include "base/duration_text.hpp"
#include "base/time.hpp"

namespace berkeley {

/// Throws the CLI::ValidationError.
[[noreturn]] void reject(const std::string& option, const std::string& why);

CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& target, DurationRange range,
                          const std::string& help);

/// Reads `given` as a whole number within the limits; else throws as reject() does.
std::int64_t integer_of(const std::string& name, const std::string& given, std::int64_t least,
                        std::int64_t most);

template <class Integer>
void add_integer(CLI::App& app, const std::string& name, Integer& target, std::int64_t least,
                 std::int64_t most, const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&target, name, least, most](const std::string& given) {
               target = static_cast<Integer>(integer_of(name, given, least, most));
           },
           fmt::format("{} ({} to {})", help, least, most))
        ->type_name("N")
        ->default_str(std::to_string(target));
}

/// A rate: ppm on the command line, ppb inside.
void add_rate(CLI::App& app, const std::string& name, std::int64_t& target_ppb, double least, double most,
              const std::string& help);

/// The name of a node or of a cluster.
void add_name(CLI::App& app, const std::string& name, std::optional<NodeId>& target, const std::string& help,
              const std::string& default_text);

/// One of several words. Where two mean the same, the help names the first.
template <class Value>
void add_choice(CLI::App& app, const std::string& name, Value& target,
                std::vector<std::pair<std::string, Value>> choices, const std::string& help) {
    std::string allowed;
    std::string current;
    std::vector<Value> told;
    for (const auto& [text, value] : choices) {
        if (std::find(told.begin(), told.end(), value) != told.end())
            continue;  // another word for the same value
        told.push_back(value);
        allowed += (allowed.empty() ? "" : ", ") + text;
        if (value == target) current = text;
    }
    app.add_option_function<std::string>(
           name,
           [&target, name, choices, allowed](const std::string& text) {
               const auto found = std::find_if(choices.begin(), choices.end(),
                                               [&text](const auto& choice) { return choice.first == text; });
               if (found == choices.end())
                   reject(name, fmt::format("'{}' is not allowed: one of {}", text, allowed));
               target = found->second;
           },
           help + " (" + allowed + ")")
        ->type_name("WORD")
        ->default_str(current);
}

/// An endpoint of our own.
void add_bind(CLI::App& app, const std::string& name, std::string& target, const std::string& help);

/// Endpoints of other nodes: each once, at most kMaxCandidates.
void add_connects(CLI::App& app, const std::string& name, std::vector<Url>& target, const std::string& help);

void add_path(CLI::App& app, const std::string& name, std::optional<std::string>& target,
              const std::string& type, const std::string& help);

}  // namespace berkeley
