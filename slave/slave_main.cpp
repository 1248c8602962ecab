// berkeley-slave: one clock of the cluster.

#include "node/key_reader.hpp"
#include "node/node_shell.hpp"
#include "os/standard_descriptors.hpp"

namespace berkeley {
namespace {

int run(const SlaveOptions& options, std::optional<Credentials> credentials) {
    auto shell = NodeShell::create(options.node, std::move(credentials));
    if (!shell) return fail_start(options.node, "berkeley-slave", shell.error());
    SlaveCoreOptions core = (*shell)->core_options();
    core.masters = options.masters;
    NamedEndpoints endpoints;
    for (const Url& url : options.masters) {
        const std::size_t number = endpoints.size() + 1;
        endpoints.emplace_back(number == 1 ? "master" : "master" + std::to_string(number), url.str());
    }
    SlaveNode node(core, (*shell)->seeded(), (*shell)->now(), (*shell)->initial_time(),
                   (*shell)->saved_rate());
    return (*shell)->run(node, endpoints);
}

}  // namespace
}  // namespace berkeley

int main(int argc, char** argv) {
    berkeley::fill_standard_descriptors();
    std::optional<berkeley::Credentials> credentials;
    const auto options = berkeley::parse_slave_options(argc, argv, berkeley::key_reader(credentials));
    return options ? berkeley::run(*options, std::move(credentials)) : berkeley::report(options.error());
}
