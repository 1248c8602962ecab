#include "cli/option_kinds.hpp"

#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "base/endpoint.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

namespace {

/// Drops a leading plus sign: people write it, and std::from_chars does not accept it.
std::string_view without_plus(std::string_view text) {
    const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
    return plus ? text.substr(1) : text;
}

/// The number that all of `given` is.
template <class Number>
std::optional<Number> number_of(const std::string& given) {
    const std::string_view text = without_plus(given);
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

void add_duration(Command& command, const std::string& name, Duration& target, DurationRange range,
                  const std::string& help) {
    command.add({name, fmt::format("{} ({})", help, range_text(range)), "TIME", duration_literal(target)},
                [&target, name, range](const auto& given) {
                    const auto value = parse_duration(given.front(), range);
                    if (!value) reject(name, value.error());
                    target = *value;
                });
}

std::int64_t integer_of(const std::string& name, const std::string& given, IntegerRange range) {
    const auto value = number_of<std::int64_t>(given);
    if (!value || *value < range.least || *value > range.most) {
        reject(name, fmt::format("'{}' is not allowed: a whole number from {} to {}", given, range.least,
                                 range.most));
    }
    return *value;
}

void add_integer(Command& command, OptionText text, IntegerRange range,
                 std::function<void(std::int64_t)> taken) {
    if (range.most != IntegerRange{}.most) text.help += fmt::format(" ({} to {})", range.least, range.most);
    command.add(text, [name = text.name, range, taken = std::move(taken)](const auto& given) {
        taken(integer_of(name, given.front(), range));
    });
}

void add_rate(Command& command, const std::string& name, std::int64_t& target_ppb, double least, double most,
              const std::string& help) {
    command.add({name, fmt::format("{} ({} to {})", help, least, most), "PPM",
                 fmt::format("{}", static_cast<double>(target_ppb) / 1000)},
                [&target_ppb, name, least, most](const auto& given) {
                    const auto ppm = number_of<double>(given.front());
                    if (!ppm || !(*ppm >= least && *ppm <= most)) {
                        reject(name, fmt::format("'{}' is not allowed: parts per million, from {} to {}",
                                                 given.front(), least, most));
                    }
                    target_ppb = std::llround(*ppm * 1000);
                });
}

void add_name(Command& command, const std::string& name, std::optional<NodeId>& target,
              const std::string& help, const std::string& default_text) {
    command.add({name, help, "NAME", default_text}, [&target, name](const auto& given) {
        const std::string& text = given.front();
        if (!is_valid_name(text)) {
            reject(name, "'" + text.substr(0, 80) +
                             "' is not allowed: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with a dot");
        }
        target = NodeId::from(text);
    });
}

void add_word(Command& command, const std::string& name, const std::vector<std::string>& words,
              const std::string& default_text, const std::string& help,
              std::function<void(std::size_t)> taken) {
    std::string allowed;
    for (const std::string& word : words) allowed += (allowed.empty() ? "" : ", ") + word;
    command.add({name, help + " (" + allowed + ")", "WORD", default_text},
                [name, words, allowed, taken = std::move(taken)](const auto& given) {
                    const auto found = std::find(words.begin(), words.end(), given.front());
                    if (found == words.end()) {
                        reject(name, "'" + given.front() + "' is not allowed: one of " + allowed);
                    }
                    taken(static_cast<std::size_t>(found - words.begin()));
                });
}

void add_bind(Command& command, const std::string& name, std::string& target, const std::string& help) {
    command.add({name, help, "URL", target}, [&target, name](const auto& given) {
        const auto endpoint = parse_program_endpoint(given.front(), EndpointUse::bind);
        if (!endpoint) reject(name, endpoint.error());
        target = endpoint->url();
    });
}

void add_connect(Command& command, const std::string& name, std::string& target, const std::string& help) {
    command.add({name, help, "URL"}, [&target, name](const auto& given) {
        const auto endpoint = parse_program_endpoint(given.front(), EndpointUse::connect);
        if (!endpoint) reject(name, endpoint.error());
        target = endpoint->url();
    });
}

void add_connects(Command& command, const std::string& name, std::vector<Url>& target,
                  const std::string& help) {
    command.add(
        {name, help, "URL"},
        [&target, name](const auto& texts) {
            if (texts.size() > kMaxCandidates) {
                reject(name, fmt::format("given {} times: {} times at most", texts.size(), kMaxCandidates));
            }
            target.clear();
            for (const std::string& text : texts) {
                const auto endpoint = parse_program_endpoint(text, EndpointUse::connect);
                if (!endpoint) reject(name, endpoint.error());
                const auto url = Url::from(endpoint->url());
                if (!url) reject(name, "is longer than 255 characters");
                if (std::find(target.begin(), target.end(), *url) == target.end()) target.push_back(*url);
            }
        },
        Values::repeated);
}

void add_text(Command& command, const OptionText& text, std::string& target) {
    command.add(text, [&target](const auto& given) { target = given.front(); });
}

void add_text(Command& command, const OptionText& text, std::optional<std::string>& target) {
    command.add(text, [&target](const auto& given) { target = given.front(); });
}

void add_texts(Command& command, const OptionText& text, std::vector<std::string>& target, Values values) {
    command.add(
        text, [&target](const auto& given) { target = given; }, values);
}

void add_path(Command& command, const std::string& name, std::optional<std::string>& target,
              const std::string& type, const std::string& help) {
    command.add({name, help, type}, [&target, name](const auto& given) {
        if (given.front().empty()) reject(name, "is empty: a path is allowed");
        target = given.front();
    });
}

}  // namespace berkeley
