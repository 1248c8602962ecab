// The command line and the configuration file: any bytes give options within their limits, or one line and
// exit code 2.
//
// What stands before the first empty line is the file, each line after it an argument.

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/endpoint.hpp"
#include "node/key_reader.hpp"
#include "tests/fuzz/fuzz_file.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace berkeley;

constexpr std::size_t kMaxArguments = 24;

void check_early(const EarlyExit& early) {
    if (early.code == 0) {
        // --help and --version.
        if (early.output.empty() || !early.error.empty()) std::abort();
    } else if (early.code != 2 || !early.output.empty() || early.error.find('\n') + 1 != early.error.size()) {
        std::abort();
    }
}

void check_node(const NodeOptions& node) {
    if (!is_valid_name(node.id.view()) || !is_valid_name(node.cluster.view())) std::abort();
    if (node.heartbeat_timeout < 3 * node.heartbeat_interval) std::abort();
    if (node.max_slew_ppb <= 0 || node.max_slew_ppb > kSlewRateMaxPpb || node.max_drift_ppb <= 0)
        std::abort();
    if (node.insecure && node.keys.any()) std::abort();
    if (node.clock == ClockKind::system_clock &&
        (node.clock_offset != Duration{0} || node.clock_drift_ppb != 0)) {
        std::abort();
    }
}

void check(const Parsed<MasterOptions>& parsed) {
    if (!parsed) return check_early(parsed.error());
    check_node(parsed->node);
    if (parsed->burst < 1 || parsed->window < 1 || parsed->interval <= Duration{0}) std::abort();
    if (parsed->max_members < 1 || parsed->max_members > kMaxMembers || parsed->peers.size() > kMaxCandidates)
        std::abort();
    // The rule that security hangs on: nobody else reaches a node without keys, unless that was asked for.
    for (const std::string& url : {parsed->poll, parsed->publish, parsed->heartbeat}) {
        const auto endpoint = parse_endpoint(url, EndpointUse::bind);
        if (!endpoint || (!endpoint->is_local() && !parsed->node.insecure && !parsed->node.keys.any()))
            std::abort();
    }
}

void check(const Parsed<SlaveOptions>& parsed) {
    if (!parsed) return check_early(parsed.error());
    check_node(parsed->node);
    if (parsed->masters.empty() || parsed->masters.size() > kMaxCandidates) std::abort();
}

/// A NUL ends an argument, as exec does.
std::vector<std::string> arguments_of(std::string_view lines) {
    std::vector<std::string> arguments;
    while (!lines.empty() && arguments.size() < kMaxArguments) {
        const auto end = std::min(lines.find('\n'), lines.size());
        arguments.emplace_back(std::string(lines.substr(0, end)).c_str());
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return arguments;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int home = ::setenv("HOME", "/nonexistent", 1);
    if (home != 0) std::abort();
    const std::string all = fuzz::text(data, size);
    const auto split = all.find("\n\n");
    const fuzz::File file(all.substr(0, split));
    const std::string path = file.path();
    const auto given = split == std::string::npos ? std::vector<std::string>{}
                                                  : arguments_of(std::string_view(all).substr(split + 2));
    std::vector<const char*> arguments{"program", "--config", path.c_str()};
    // An argument that names a file is none of ours to open: no keys, no other file.
    const auto opens = [](const std::string& text) {
        return text.find("file") != std::string::npos || text.find("key") != std::string::npos ||
               text.find("config") != std::string::npos;
    };
    for (const std::string& argument : given) {
        if (!opens(argument)) arguments.push_back(argument.c_str());
    }
    std::optional<Credentials> credentials;
    const auto keys = key_reader(credentials);
    check(parse_master_options(static_cast<int>(arguments.size()), arguments.data(), keys));
    check(parse_slave_options(static_cast<int>(arguments.size()), arguments.data(), keys));
    return 0;
}
