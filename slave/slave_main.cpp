// berkeley-slave: one clock of the cluster.

#include "node/key_reader.hpp"
#include "node/node_shell.hpp"

namespace berkeley {
namespace {

class SlaveNode final : public Node {
public:
    SlaveNode(const SlaveCoreOptions& options, const NodeShell& shell)
        : core_(options, shell.seeded(), shell.now(), shell.initial_time(), shell.saved_rate()) {}

    void start(RawTime now, Actions& out) override { core_.start(now, out); }
    void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) override {
        core_.on_message(link, via, message, at, out);
    }
    void on_timer(RawTime now, Actions& out) override { core_.on_timer(now, out); }
    RawTime next_deadline() const override { return core_.next_deadline(); }
    void stop(RawTime, Actions& out) override { core_.stop(out); }
    SlaveCore& slave() override { return core_; }
    const SlaveCore& slave() const override { return core_; }

private:
    SlaveCore core_;
};

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
    SlaveNode node(core, **shell);
    return (*shell)->run(node, endpoints);
}

}  // namespace
}  // namespace berkeley

int main(int argc, char** argv) {
    std::optional<berkeley::Credentials> credentials;
    const auto options = berkeley::parse_slave_options(argc, argv, berkeley::key_reader(credentials));
    return options ? berkeley::run(*options, std::move(credentials)) : berkeley::report(options.error());
}
