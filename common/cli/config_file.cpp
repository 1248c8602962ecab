#include "cli/config_file.hpp"

#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "cli/command.hpp"

namespace berkeley {

std::vector<std::string> read_config(const std::string& path, const Command& command) {
    const auto bad = [&path](const std::string& why) { reject("--config", path + ": " + why); };
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) bad("is a directory: name a TOML file");
    toml::table table;
    try {
        table = toml::parse_file(path);
    } catch (const toml::parse_error& error) {
        if (error.source().begin.line == 0) bad("cannot be read: name a TOML file");
        bad(fmt::format("line {}: {}", error.source().begin.line, error.description()));
    }
    std::vector<std::string> arguments;
    for (const auto& [key, node] : table) {
        const std::string name = "--" + std::string(key.str());
        const auto option = command.find(name);
        if (!option || name == "--config" || name == "--help" || name == "--version") {
            bad(fmt::format("unknown option '{}': the names of --help, without dashes, are allowed",
                            std::string(key.str()).substr(0, 60)));
        }
        const bool is_flag = option->is_flag;
        const std::string_view key_text = key.str();  // clang 14 captures no structured binding
        const auto text_of = [&](const toml::node& value) -> std::string {
            if (const auto* text = value.as_string()) return text->get();
            if (const auto* integer = value.as_integer()) return std::to_string(integer->get());
            if (const auto* number = value.as_floating_point()) return fmt::format("{}", number->get());
            bad(fmt::format("{}: a {} is allowed", key_text, is_flag ? "true or false" : "text or a number"));
            return {};
        };
        if (option->given) continue;
        if (is_flag) {
            if (!node.is_boolean()) bad(fmt::format("{}: true or false is allowed", key.str()));
            if (node.as_boolean()->get()) arguments.push_back(name);
        } else if (const auto* list = node.as_array()) {
            if (!option->repeatable) {
                bad(fmt::format("{}: one value is allowed, not a list", key.str()));
            }
            for (const auto& element : *list) arguments.push_back(name + "=" + text_of(element));
        } else {
            arguments.push_back(name + "=" + text_of(node));
        }
    }
    return arguments;
}

}  // namespace berkeley
