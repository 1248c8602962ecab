#include "cli/option_kinds.hpp"

#include <charconv>
#include <cmath>
#include <string_view>

#include "base/endpoint.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

namespace {

/// Drops a leading plus sign: people write it, and std::from_chars does not accept it.
std::string_view without_plus(std::string_view text) {
    const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
    return plus ? text.substr(1) : text;
}

}  // namespace

void reject(const std::string& option, const std::string& why) { throw CLI::ValidationError(option, why); }

CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& target, DurationRange range,
                          const std::string& help) {
    return app
        .add_option_function<std::string>(
            name,
            [&target, name, range](const std::string& text) {
                const auto value = parse_duration(text, range);
                if (!value) reject(name, value.error());
                target = *value;
            },
            fmt::format("{} ({})", help, range_text(range)))
        ->type_name("TIME")
        ->default_str(duration_literal(target));
}

std::int64_t integer_of(const std::string& name, const std::string& given, std::int64_t least,
                        std::int64_t most) {
    const std::string_view text = without_plus(given);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        reject(name, fmt::format("'{}' is not allowed: a whole number from {} to {}", given, least, most));
    }
    return value;
}

void add_rate(CLI::App& app, const std::string& name, std::int64_t& target_ppb, double least, double most,
              const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&target_ppb, name, least, most](const std::string& given) {
               const std::string_view text = without_plus(given);
               double ppm = 0;
               const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ppm);
               if (error != std::errc{} || end != text.data() + text.size() ||
                   !(ppm >= least && ppm <= most)) {
                   reject(name, fmt::format("'{}' is not allowed: parts per million, from {} to {}", given,
                                            least, most));
               }
               target_ppb = std::llround(ppm * 1000);
           },
           fmt::format("{} ({} to {})", help, least, most))
        ->type_name("PPM")
        ->default_str(fmt::format("{}", static_cast<double>(target_ppb) / 1000));
}

void add_name(CLI::App& app, const std::string& name, std::optional<NodeId>& target, const std::string& help,
              const std::string& default_text) {
    app.add_option_function<std::string>(
           name,
           [&target, name](const std::string& text) {
               if (!is_valid_name(text)) {
                   reject(name,
                          fmt::format(
                              "'{}' is not allowed: 1 to 63 of A-Z a-z 0-9 . _ -, not starting with a dot",
                              text.substr(0, 80)));
               }
               target = NodeId::from(text);
           },
           help)
        ->type_name("NAME")
        ->default_str(default_text);
}

void add_bind(CLI::App& app, const std::string& name, std::string& target, const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&target, name](const std::string& text) {
               const auto endpoint = parse_program_endpoint(text, EndpointUse::bind);
               if (!endpoint) reject(name, endpoint.error());
               target = endpoint->url();
           },
           help)
        ->type_name("URL")
        ->default_str(target);
}

void add_connects(CLI::App& app, const std::string& name, std::vector<Url>& target, const std::string& help) {
    app.add_option_function<std::vector<std::string>>(
           name,
           [&target, name](const std::vector<std::string>& texts) {
               if (texts.size() > kMaxCandidates) {
                   reject(name,
                          fmt::format("given {} times: {} times at most", texts.size(), kMaxCandidates));
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
           help)
        ->type_name("URL")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_path(CLI::App& app, const std::string& name, std::optional<std::string>& target,
              const std::string& type, const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&target, name](const std::string& text) {
               if (text.empty()) reject(name, "is empty: a path is allowed");
               target = text;
           },
           help)
        ->type_name(type);
}

}  // namespace berkeley
