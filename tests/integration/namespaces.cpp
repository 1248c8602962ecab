#include "tests/integration/namespaces.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

constexpr const char* kPrefix = "berkeley-test-";
/// Nobody has this address, so what is sent there is taken by nobody.
constexpr const char* kNobody = "02:00:00:00:00:01";

Finished ip(const std::vector<std::string>& arguments) { return run("ip", arguments); }

void must(const std::vector<std::string>& arguments) {
    const Finished done = ip(arguments);
    if (done.code == 0) return;
    std::string command = "ip";
    for (const std::string& argument : arguments) command += " " + argument;
    throw std::runtime_error(command + ": " + done.err);
}

/// Namespaces of tests that were killed: their names carry the number of a process that is no more.
void sweep() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns", error)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const pid_t owner = std::atoi(name.c_str() + std::string(kPrefix).size());
        if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) ip({"netns", "delete", name});
    }
}

}  // namespace

std::string Network::unavailable() {
    if (::geteuid() != 0) return "needs root for network namespaces";
    const std::string probe = std::string(kPrefix) + std::to_string(::getpid()) + "-probe";
    if (ip({"netns", "add", probe}).code != 0) {
        return "needs ip (iproute2) and the right to make network namespaces";
    }
    ip({"netns", "delete", probe});
    return {};
}

Network::Network() : prefix_(kPrefix + std::to_string(::getpid()) + "-") {
    sweep();
    must({"netns", "add", space("bridge")});
    must({"-n", space("bridge"), "link", "add", "br0", "type", "bridge"});
    must({"-n", space("bridge"), "link", "set", "br0", "up"});
}

Network::~Network() {
    for (const auto& [id, number] : numbers_) ip({"netns", "delete", space(id)});
    ip({"netns", "delete", space("bridge")});
}

std::string Network::space(const std::string& id) const { return prefix_ + id; }

void Network::add(const std::string& id) {
    numbers_.emplace(id, static_cast<int>(numbers_.size()) + 1);
    must({"netns", "add", space(id)});
    must({"-n", space(id), "link", "add", "eth0", "type", "veth", "peer", "name", "to-" + id, "netns",
          space("bridge")});
    must({"-n", space("bridge"), "link", "set", "to-" + id, "master", "br0", "up"});
    must({"-n", space(id), "address", "add", address(id) + "/24", "dev", "eth0"});
    must({"-n", space(id), "address", "add", address6(id) + "/64", "dev", "eth0", "nodad"});
    must({"-n", space(id), "link", "set", "lo", "up"});
    must({"-n", space(id), "link", "set", "eth0", "up"});
}

std::vector<std::string> Network::wrapper(const std::string& id) const {
    return {"ip", "netns", "exec", space(id)};
}

void Network::cut(const std::string& from, const std::string& to) {
    must({"-n", space(from), "neigh", "replace", address(to), "lladdr", kNobody, "dev", "eth0", "nud",
          "permanent"});
    cuts_.emplace(from, to);
}

void Network::cut_both(const std::string& a, const std::string& b) {
    cut(a, b);
    cut(b, a);
}

void Network::split(const std::set<std::string>& side) {
    for (const std::string& id : side) {
        for (const auto& [other, number] : numbers_) {
            if (!side.contains(other)) cut_both(id, other);
        }
    }
}

void Network::pull_cable(const std::string& id) {
    // On the bridge's side: the node itself keeps its address and routes.
    must({"-n", space("bridge"), "link", "set", "to-" + id, "down"});
    pulled_.insert(id);
}

void Network::heal() {
    for (const auto& [from, to] : cuts_) {
        must({"-n", space(from), "neigh", "delete", address(to), "dev", "eth0"});
    }
    for (const std::string& id : pulled_) must({"-n", space("bridge"), "link", "set", "to-" + id, "up"});
    cuts_.clear();
    pulled_.clear();
}

}  // namespace berkeley::test
