// A master of the benchmarks in a shell of the product's, for peer processes. It runs until it is killed.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bench/peer.hpp"
#include "keys/credentials.hpp"
#include "node/node_shell.hpp"

namespace berkeley::bench {

inline NodeOptions node_options(std::string_view id, const std::filesystem::path& state) {
    NodeOptions options;
    options.id = node_id(id);
    options.cluster = bench_cluster();
    options.state_dir = state;
    return options;
}

/// A line of JSON for whoever started this process.
inline void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

struct MasterShell {
    std::unique_ptr<NodeShell> shell;
    CandidateInfo self;  ///< with the endpoints that were bound
};

/// Poll, publish and heartbeat endpoints are bound, and the first is told.
inline Result<MasterShell> open_master(const NodeOptions& options, std::optional<Credentials> credentials,
                                       const std::array<std::string, 3>& urls) {
    auto shell = NodeShell::create(options, std::move(credentials));
    if (!shell) return failure(shell.error());
    Transport& transport = (*shell)->transport();
    const auto poll = transport.bind_poll(urls[0]);
    const auto publish = transport.bind_publish(Channel::publish, urls[1]);
    const auto beat = transport.bind_publish(Channel::heartbeat, urls[2]);
    for (const auto* bound : {&poll, &publish, &beat}) {
        if (!*bound) return failure(bound->error());
    }
    say(R"({"poll":")" + poll->str() + R"("})");
    return MasterShell{std::move(*shell), {options.id, 100, *poll, *publish, *beat}};
}

/// Why a peer cannot go on, for its exit code.
inline int complain(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    return 1;
}

}  // namespace berkeley::bench
