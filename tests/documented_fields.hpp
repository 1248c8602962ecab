// What docs/EVENTS.md promises: the fields in the table below each heading. Thread-safe.
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

namespace berkeley::testing {

using Fields = std::set<std::string>;

/// Headings "## `NAME`", rows "| `FIELD` | ...".
inline std::map<std::string, Fields> documented_fields() {
    std::map<std::string, Fields> sections;
    std::ifstream file(BERKELEY_SOURCE_DIR "/docs/EVENTS.md");
    const std::regex heading("## `([^`]+)`");
    const std::regex row(R"(\| `(\w+)` \| .*)");
    Fields* section = nullptr;
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (std::regex_match(line, match, heading)) {
            section = &sections[match[1]];
        } else if (section != nullptr && std::regex_match(line, match, row)) {
            section->insert(match[1]);
        }
    }
    return sections;
}

template <class Json>
Fields fields_of(const Json& object) {
    Fields fields;
    for (const auto& [key, value] : object.items()) fields.insert(key);
    return fields;
}

}  // namespace berkeley::testing
