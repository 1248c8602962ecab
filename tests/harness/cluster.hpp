// Cluster: nodes as real processes in a folder of their own, and ways to wait for them.
//
// Each node has its state and its clock page in the folder; both go with it. Endpoints are ipc in the folder,
// or tcp over loopback on ports that the system chooses, kept for a node's later lives. No sleeps: users wait
// for events, with a deadline. Not thread-safe.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/harness/process.hpp"

namespace berkeley::harness {

struct ClusterSetup {
    std::string master_program;
    std::string slave_program;
    std::string interval = "250ms";
    bool tcp = false;
    /// Options that every node gets, by its id.
    std::function<std::vector<std::string>(const std::string& id)> equip{};
};

class Cluster {
public:
    Cluster(ClusterSetup setup, TemporaryFolder folder);

    /// `m1` has its poll endpoint at url("m1").
    Process& master(const std::string& id, std::vector<std::string> extra = {});
    Process& standby(const std::string& id, const std::string& peer, std::vector<std::string> extra = {});
    Process& slave(const std::string& id, std::vector<std::string> extra = {},
                   const std::string& master = "m1");
    /// Any program, with an identity, a state directory and a clock page of its own.
    Process& start(const std::string& program, const std::string& id, std::vector<std::string> arguments);
    /// Kills it.
    void forget(const Process& process);

    /// From now on programs are started by this one, which gets theirs and its arguments after its own, and
    /// becomes it in the end. Empty: directly.
    void wrap(std::vector<std::string> wrapper) { wrapper_ = std::move(wrapper); }
    void equip(std::function<std::vector<std::string>(const std::string& id)> options) {
        setup_.equip = std::move(options);
    }

    std::string url(const std::string& id, const std::string& what = "poll") const;
    /// Over tcp: until the node is ready and its ports are known.
    [[nodiscard]] bool await_urls(const std::string& id);
    std::string page(const std::string& id) const { return folder_.file("pages/" + id); }
    const std::filesystem::path& folder() const { return folder_.path(); }

    /// Until the predicate holds; false when the patience ends before.
    [[nodiscard]] bool wait_for(const std::function<bool()>& predicate, milliseconds patience = seconds{20});
    /// The first node that has ended, with the last line of its log; empty: all run.
    std::string ended();

protected:
    struct Node {
        std::string id;
        std::unique_ptr<Process> process;
    };
    const std::vector<Node>& nodes() const { return nodes_; }

private:
    ClusterSetup setup_;
    TemporaryFolder folder_;
    std::map<std::pair<std::string, std::string>, std::string> urls_;  ///< known ones of tcp
    std::vector<std::string> wrapper_;
    std::vector<Node> nodes_;
};

}  // namespace berkeley::harness
