// berkeley-master: a candidate: the master of the cluster, or a standby that is ready to become it.

#include "base/endpoint.hpp"
#include "master/candidate_node.hpp"
#include "node/key_reader.hpp"
#include "node/node_shell.hpp"
#include "os/standard_descriptors.hpp"

namespace berkeley {
namespace {

/// Binds the three sockets and says where others find them.
Result<CandidateInfo> bind_all(const MasterOptions& options, NodeShell& shell, NamedEndpoints& endpoints) {
    CandidateInfo info;
    info.id = options.node.id;
    info.priority = options.priority;
    const auto settle = [&](std::string_view name, Result<Url> bound, const std::string& told_as,
                            Url& told) -> Result<void> {
        if (!bound) return failure("--" + std::string(name) + ": " + bound.error());
        const auto url = advertised_url(bound->view(), options.advertise, told_as);
        if (!url) return failure("--advertise: " + url.error());
        told = *url;
        endpoints.emplace_back(name, bound->str());
        return {};
    };
    Transport& transport = shell.transport();
    if (auto r = settle("poll", transport.bind_poll(options.poll), options.advertise_poll, info.poll); !r) {
        return failure(r.error());
    }
    if (auto r = settle("publish", transport.bind_publish(Channel::publish, options.publish),
                        options.advertise_publish, info.publish);
        !r) {
        return failure(r.error());
    }
    if (auto r = settle("heartbeat", transport.bind_publish(Channel::heartbeat, options.heartbeat),
                        options.advertise_heartbeat, info.heartbeat);
        !r) {
        return failure(r.error());
    }
    return info;
}

int run(const MasterOptions& options, std::optional<Credentials> credentials) {
    const auto fail = [&](const std::string& line) {
        return fail_start(options.node, "berkeley-master", line);
    };
    auto shell = NodeShell::create(options.node, std::move(credentials));
    if (!shell) return fail(shell.error());
    NamedEndpoints endpoints;
    const auto info = bind_all(options, **shell, endpoints);
    if (!info) return fail(info.error());

    CandidateOptions core;
    core.slave = (*shell)->core_options();
    core.slave.masters = options.peers;
    core.slave.candidate = *info;
    core.slave.want_heartbeats = true;
    core.master.interval = options.interval;
    core.master.burst = options.burst;
    core.master.window = options.window;
    core.master.max_members = options.max_members;
    core.election.priority = options.priority;
    core.election.standby = options.standby;
    core.election.heartbeat_interval = options.node.heartbeat_interval;
    CandidateNode node(core, (*shell)->seeded(), (*shell)->now(), (*shell)->initial_time(),
                       (*shell)->saved_rate());
    return (*shell)->run(node, endpoints);
}

}  // namespace
}  // namespace berkeley

int main(int argc, char** argv) {
    berkeley::fill_standard_descriptors();
    std::optional<berkeley::Credentials> credentials;
    const auto options = berkeley::parse_master_options(argc, argv, berkeley::key_reader(credentials));
    return options ? berkeley::run(*options, std::move(credentials)) : berkeley::report(options.error());
}
