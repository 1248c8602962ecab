// The layers of the house, checked mechanically: every #include of every source is held against the table
// below, and the pure folders are searched for the words by which clocks, threads, devices and logs come in.
// An arrow that runs back fails here with the file and the line.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace berkeley {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string_view>;

enum class Kind { pure, codec, shell, test };

/// A unit is a folder, or the part of slave/ and master/ that is a core or a program.
struct Unit {
    std::string_view name;
    Kind kind;
    Names may_include;  ///< beside itself; "*": everything
};

Names with(Names names, const Names& more) {
    names.insert(names.end(), more.begin(), more.end());
    return names;
}

Names node_may() {
    return {"base", "estimate", "discipline", "protocol", "election", "slave core", "wire",  "os",
            "page", "state",    "keys",       "log",      "cli",      "net",        "public"};
}

const std::vector<Unit>& units() {
    static const std::vector<Unit> table = {
        {"base", Kind::pure, {}},
        {"estimate", Kind::pure, {"base"}},
        {"discipline", Kind::pure, {"base", "estimate"}},
        {"protocol", Kind::pure, {"base"}},
        {"election", Kind::pure, {"base", "protocol"}},
        {"slave core", Kind::pure, {"base", "estimate", "discipline", "protocol", "election"}},
        {"master core", Kind::pure, {"base", "estimate", "discipline", "protocol", "election", "slave core"}},
        {"wire", Kind::codec, {"base", "protocol"}},
        {"public", Kind::shell, {}},
        // One thing each. Of one another they know only os, which wraps the kernel's calls for all.
        {"os", Kind::shell, {"base", "protocol"}},
        {"page", Kind::shell, {"base", "protocol", "os", "public"}},
        {"state", Kind::shell, {"base", "protocol", "os"}},
        {"keys", Kind::shell, {"base", "protocol", "os"}},
        {"log", Kind::shell, {"base", "protocol", "os"}},
        {"cli", Kind::shell, {"base", "protocol", "os"}},
        {"net", Kind::shell, {"base", "protocol", "os", "wire", "keys"}},
        {"node", Kind::shell, node_may()},
        {"slave program", Kind::shell, with(node_may(), {"node"})},
        {"master program", Kind::shell, with(node_may(), {"node", "master core"})},
        {"ctl",
         Kind::shell,
         {"base", "protocol", "os", "page", "state", "keys", "log", "cli", "wire", "net", "node", "public"}},
        {"harness", Kind::shell, {"base", "os", "page", "public"}},
        {"bench", Kind::shell, {"*"}},
        {"simulator",
         Kind::codec,
         {"base", "estimate", "discipline", "protocol", "election", "slave core", "master core", "wire"}},
        {"tests", Kind::test, {"*"}},
    };
    return table;
}

/// The unit that a path from the root of the repository (or of the include folders) belongs to; null where
/// it is none of ours.
const Unit* unit_of(const std::string& path) {
    const auto named = [](std::string_view name) -> const Unit* {
        const auto found =
            std::find_if(units().begin(), units().end(), [&](const Unit& unit) { return unit.name == name; });
        return found == units().end() ? nullptr : &*found;
    };
    std::vector<std::string> parts;
    for (const auto& part : fs::path(path)) parts.push_back(part.string());
    if (!parts.empty() && parts.front() == "common") parts.erase(parts.begin());
    if (!parts.empty() && parts.front() == "include") parts.erase(parts.begin());
    if (parts.size() < 2) return nullptr;

    const std::string& folder = parts.front();
    if (folder == "berkeley") return named("public");
    if (folder == "sim") return named("simulator");
    if (path.starts_with("tests/harness/")) return named("harness");
    if (folder == "slave" || folder == "master") {
        const std::string stem = fs::path(path).stem().string();
        const bool program = stem.ends_with("_main");
        return named(folder + (program ? " program" : " core"));
    }
    return named(folder);
}

/// The text without comments and without the insides of strings (an #include keeps its own).
std::string code_of(const std::string& text) {
    std::string code;
    bool include_line = false;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '#') {
            const std::size_t word = text.find_first_not_of(" \t", i + 1);
            include_line = word != std::string::npos && text.compare(word, 7, "include") == 0;
        }
        if (text[i] == '\n') include_line = false;
        if (text.compare(i, 2, "//") == 0) {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.compare(i, 2, "/*") == 0) {
            const std::size_t end = std::min(text.find("*/", i + 2), text.size() - 2) + 2;
            code.append(
                static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                                    text.begin() + static_cast<std::ptrdiff_t>(end), '\n')),
                '\n');
            i = end;
        } else if (text[i] == '"' && !include_line) {
            std::size_t end = i + 1;
            while (end < text.size() && text[end] != '"' && text[end] != '\n')
                end += text[end] == '\\' ? 2U : 1U;
            code += "\"\"";
            i = std::min(end + 1, text.size());
        } else {
            code += text[i++];
        }
    }
    return code;
}

bool starts_with_any(std::string_view text, const Names& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool may_include_header(const Unit& unit, std::string_view path, std::string_view header) {
    if (unit.kind == Kind::test) return true;
    // The benchmark of the codec has bare msgpack as its baseline.
    if (starts_with_any(header, {"msgpack"})) return unit.name == "wire" || unit.name == "bench";
    // One header of net stands between ZeroMQ and everybody else.
    if (starts_with_any(header, {"zmq"})) return unit.name == "bench" || path == "common/net/zmq_socket.hpp";
    if (unit.kind == Kind::shell) return true;
    static const Names impure = {"thread",     "mutex",   "shared_mutex", "condition_variable",
                                 "future",     "random",  "iostream",     "fstream",
                                 "filesystem", "stdio.h", "cstdio",       "ctime",
                                 "time.h",     "spdlog/", "CLI/",         "toml++/",
                                 "nlohmann/",  "sys/",    "unistd.h",     "fcntl.h",
                                 "syslog.h",   "poll.h",  "csignal",      "signal.h",
                                 "netinet/",   "arpa/",   "pthread.h",    "semaphore",
                                 "stop_token"};
    return !starts_with_any(header, impure);
}

constexpr std::array<std::string_view, 11> kImpureWords = {
    "steady_clock",  "system_clock", "high_resolution_clock", "clock_gettime", "gettimeofday",
    "clock_settime", "getenv",       "random_device",         "std::rand",     "std::thread",
    "std::cerr"};

/// Every breach in one file; empty where all is well.
std::vector<std::string> breaches(const std::string& path, const std::string& text) {
    const Unit* unit = unit_of(path);
    if (unit == nullptr) return {path + ": in no known layer; name it in layers_test.cpp"};

    std::vector<std::string> found;
    std::istringstream lines(code_of(text));
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        const auto breach = [&](const std::string& what) {
            found.push_back(path + ":" + std::to_string(number) + ": " + std::string(unit->name) + " " +
                            what);
        };
        const std::size_t hash = line.find_first_not_of(" \t");
        if (hash != std::string::npos && line[hash] == '#' && line.find("include") != std::string::npos) {
            const std::size_t open = line.find_first_of("\"<");
            const std::size_t close = open == std::string::npos ? open : line.find_first_of("\">", open + 1);
            if (close == std::string::npos) continue;
            std::string header = line.substr(open + 1, close - open - 1);
            if (header.find("..") != std::string::npos) breach("includes through ..: " + header);
            // A quoted name without a folder is a neighbour of the file.
            if (line[open] == '"' && header.find('/') == std::string::npos &&
                !may_include_header(*unit, path, header)) {
                breach("must not include " + header);
                continue;
            }
            const Unit* target = unit_of(header);
            if (target == nullptr) {
                if (!may_include_header(*unit, path, header)) breach("must not include <" + header + ">");
            } else if (target != unit && unit->may_include != Names{"*"} &&
                       std::find(unit->may_include.begin(), unit->may_include.end(), target->name) ==
                           unit->may_include.end()) {
                breach("must not include " + header + " of " + std::string(target->name));
            }
        } else if (unit->kind == Kind::pure || unit->kind == Kind::codec) {
            for (const std::string_view word : kImpureWords) {
                if (line.find(word) != std::string::npos) breach("must not use " + std::string(word));
            }
        }
    }
    return found;
}

std::string contents(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<fs::path> sources() {
    static const std::vector<std::string> extensions = {".c", ".h", ".cpp", ".hpp"};
    const fs::path root = BERKELEY_SOURCE_DIR;
    std::vector<fs::path> found;
    for (const char* folder : {"common", "slave", "master", "sim", "ctl", "bench", "tests"}) {
        if (!fs::is_directory(root / folder)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const bool is_source = std::find(extensions.begin(), extensions.end(),
                                             entry.path().extension().string()) != extensions.end();
            if (entry.is_regular_file() && is_source) found.push_back(fs::relative(entry.path(), root));
        }
    }
    return found;
}

TEST(Layers, NoIncludeRunsAgainstTheLayers) {
    for (const fs::path& path : sources()) {
        for (const std::string& breach :
             breaches(path.string(), contents(fs::path(BERKELEY_SOURCE_DIR) / path))) {
            ADD_FAILURE() << breach;
        }
    }
}

TEST(Layers, TheWholeTreeIsSeen) {
    const std::vector<fs::path> found = sources();
    EXPECT_GE(found.size(), 20U);
    for (const char* expected : {"common/base/time.hpp", "common/protocol/messages.hpp",
                                 "slave/slave_core.cpp", "tests/unit/layers_test.cpp"}) {
        EXPECT_NE(std::find(found.begin(), found.end(), fs::path(expected)), found.end()) << expected;
    }
}

TEST(Layers, TheTableHasNoArrowBothWays) {
    for (const Unit& unit : units()) {
        for (const std::string_view name : unit.may_include) {
            for (const Unit& other : units()) {
                if (other.name != name) continue;
                EXPECT_EQ(std::count(other.may_include.begin(), other.may_include.end(), unit.name), 0)
                    << unit.name << " and " << name;
            }
        }
    }
}

TEST(Layers, ThePictureShowsEveryRoomAndOnlyAllowedArrows) {
    const std::string picture = contents(fs::path(BERKELEY_SOURCE_DIR) / "docs/house.svg");
    const auto all = [&](const std::regex& pattern) {
        return std::vector<std::smatch>(std::sregex_iterator(picture.begin(), picture.end(), pattern), {});
    };
    std::multiset<std::string> drawn;
    for (const std::smatch& room : all(std::regex{"data-unit=\"([^\"]*)\""})) drawn.insert(room[1]);
    std::multiset<std::string> rooms;
    for (const Unit& unit : units()) rooms.emplace(unit.name);
    EXPECT_EQ(drawn, rooms);
    for (const std::smatch& arrow : all(std::regex{"data-from=\"([^\"]*)\" data-to=\"([^\"]*)\""})) {
        const std::string from = arrow[1];
        const auto unit =
            std::find_if(units().begin(), units().end(), [&](const Unit& u) { return u.name == from; });
        ASSERT_NE(unit, units().end()) << from;
        EXPECT_EQ(std::count(unit->may_include.begin(), unit->may_include.end(), arrow[2].str()), 1)
            << from << " to " << arrow[2];
    }
}

struct Planted {
    const char* path;
    const char* text;
};

TEST(Layers, ThePlantedBreachIsFound) {
    const Planted planted[] = {
        {"common/base/x.hpp", "#include \"estimate/sample.hpp\"\n"},
        {"common/base/x.hpp", "#  include \"protocol/messages.hpp\"\n"},
        {"common/estimate/x.cpp", "#include \"discipline/discipline.hpp\"\n"},
        {"common/protocol/x.hpp", "#include \"estimate/sample.hpp\"\n"},
        {"common/election/x.hpp", "#include \"discipline/discipline.hpp\"\n"},
        {"common/wire/x.cpp", "#include \"net/transport.hpp\"\n"},
        {"common/net/x.cpp", "#include \"slave/slave_core.hpp\"\n"},
        {"common/net/x.cpp", "#include \"cli/options.hpp\"\n"},
        {"common/os/x.cpp", "#include <zmq.hpp>\n"},
        {"common/net/gate.hpp", "#include <zmq.hpp>\n"},
        {"common/keys/x.cpp", "#include \"zmq.h\"\n"},
        {"common/keys/x.cpp", "#include \"log/event_log.hpp\"\n"},
        {"common/page/x.cpp", "#include \"state/state_file.hpp\"\n"},
        {"common/cli/x.cpp", "#include \"keys/keyring.hpp\"\n"},
        {"common/log/x.cpp", "#include \"net/transport.hpp\"\n"},
        {"common/node/x.cpp", "#include \"master/master_core.hpp\"\n"},
        {"common/net/transport.cpp", "#include <msgpack.hpp>\n"},
        {"common/include/berkeley/clock.hpp", "#include \"base/time.hpp\"\n"},
        {"slave/slave_core.cpp", "#include \"master/master_core.hpp\"\n"},
        {"slave/slave_core.cpp", "#include \"node/node_shell.hpp\"\n"},
        {"slave/slave_core.cpp", "#include <thread>\n"},
        {"slave/slave_core.cpp", "#include <random>\n"},
        {"slave/slave_core.cpp", "#include <spdlog/spdlog.h>\n"},
        {"slave/slave_core.cpp", "const auto now = std::chrono::steady_clock::now();\n"},
        {"slave/slave_main.cpp", "#include \"master/master_core.hpp\"\n"},
        {"master/master_core.hpp", "#include \"wire/codec.hpp\"\n"},
        {"master/master_core.hpp", "#include \"../common/base/time.hpp\"\n"},
        {"master/round.cpp", "#include <iostream>\n"},
        {"ctl/x.cpp", "#include \"master/master_core.hpp\"\n"},
        {"tests/harness/x.cpp", "#include \"node/node_shell.hpp\"\n"},
        {"sim/x.hpp", "#include \"net/transport.hpp\"\n"},
        {"common/novel/x.hpp", "int x;\n"},
    };
    for (const Planted& file : planted) {
        EXPECT_EQ(breaches(file.path, file.text).size(), 1U) << file.path << ": " << file.text;
    }
}

TEST(Layers, WhatIsAllowedPasses) {
    const Planted allowed[] = {
        {"common/base/x.hpp", "#include <cstdint>\n#include <tl/expected.hpp>\n#include \"base/time.hpp\"\n"},
        {"common/election/x.hpp", "#include \"protocol/messages.hpp\"\n"},
        {"common/wire/codec.cpp", "#include <msgpack.hpp>\n"},
        {"common/net/zmq_socket.hpp", "#include <zmq.hpp>\n#include \"wire/codec.hpp\"\n"},
        {"common/page/page.cpp", "#include \"berkeley/clock.h\"\n#include <thread>\n"},
        {"slave/slave_core.cpp",
         "// not steady_clock\n/* nor\n getenv */ const char* s = \"clock_gettime\";\n"},
        {"slave/slave_main.cpp", "#include \"slave/slave_core.hpp\"\n#include \"net/transport.hpp\"\n"},
        {"master/candidate_core.hpp", "#include \"slave/slave_core.hpp\"\n"},
        {"master/master_main.cpp", "#include \"node/node_shell.hpp\"\n#include \"net/transport.hpp\"\n"},
        {"bench/latency.cpp", "#include <zmq.hpp>\n#include \"sim/sim_cluster.hpp\"\n"},
        {"bench/codec_bench.cpp", "#include <msgpack.hpp>\n"},
        {"tests/unit/x.cpp", "#include \"master/master_core.hpp\"\n#include <thread>\n"},
    };
    for (const Planted& file : allowed) {
        for (const std::string& breach : breaches(file.path, file.text)) ADD_FAILURE() << breach;
    }
}

}  // namespace
}  // namespace berkeley
