// A network of the test's own: a namespace for each node, joined by a bridge in another one. It does not
// touch the machine's own network. The namespaces have no names and no mounts: this process holds them open,
// so they end with it, even where it is killed. Needs root, nsenter (util-linux) and ip (iproute2). Faults
// are silent, as on real networks: packets vanish, nothing is refused.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace berkeley::test {

class Network {
public:
    /// Why no such network can be made here; empty: it can.
    static std::string unavailable();

    Network();
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    void add(const std::string& id);
    std::string address(const std::string& id) const { return "10.99.0." + std::to_string(numbers_.at(id)); }
    std::string address6(const std::string& id) const { return "fd99::" + std::to_string(numbers_.at(id)); }
    /// Where the node's namespace can be entered.
    std::string path(const std::string& id) const;
    /// The command that starts a program in the node's namespace (Cluster::wrap).
    std::vector<std::string> wrapper(const std::string& id) const;

    /// All that `from` sends to `to` vanishes.
    void cut(const std::string& from, const std::string& to);
    void cut_both(const std::string& a, const std::string& b);
    /// These hear only each other, and so do the rest; nobody is told.
    void split(const std::set<std::string>& side);
    void isolate(const std::string& id) { split({id}); }
    void pull_cable(const std::string& id);
    /// Undoes all faults.
    void heal();

private:
    /// No node has this name.
    static constexpr const char* kBridge = "bridge";

    void make_space(const std::string& id);
    /// Runs ip in the namespace; throws what it said where it fails.
    void ip(const std::string& id, const std::vector<std::string>& arguments) const;

    std::map<std::string, int> spaces_;  ///< descriptors of the namespaces
    std::map<std::string, int> numbers_;
    std::set<std::pair<std::string, std::string>> cuts_;
    std::set<std::string> pulled_;
};

}  // namespace berkeley::test
