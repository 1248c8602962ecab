#include "tests/harness/cluster.hpp"

#include <algorithm>

#include "tests/harness/patience.hpp"

namespace berkeley::harness {

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kPumpTick{5};
constexpr const char* kAnyPort = "tcp://127.0.0.1:0";
constexpr const char* kEndpoints[] = {"poll", "publish", "heartbeat"};

std::string last_line(const std::string& text) {
    const auto end = text.find_last_not_of('\n');
    if (end == std::string::npos) return "its log is empty";
    const auto before = text.find_last_of('\n', end);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    return text.substr(begin, end + 1 - begin);
}

}  // namespace

Cluster::Cluster(ClusterSetup setup, TemporaryFolder folder)
    : setup_(std::move(setup)), folder_(std::move(folder)) {}

std::string Cluster::url(const std::string& id, const std::string& what) const {
    if (!setup_.tcp) return "ipc://" + folder_.file(id + "-" + what);
    const auto known = urls_.find({id, what});
    return known == urls_.end() ? kAnyPort : known->second;
}

bool Cluster::await_urls(const std::string& id) {
    const auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& n) { return n.id == id; });
    if (node == nodes_.end()) return false;
    const Json* ready = nullptr;
    const bool there = node->process->wait_for(
        [&] { return (ready = find(*node->process, "ready")) != nullptr; }, seconds{20});
    if (!there) return false;
    for (const char* what : kEndpoints) urls_[{id, what}] = (*ready)["endpoints"][what].get<std::string>();
    return true;
}

Process& Cluster::start(const std::string& program, const std::string& id,
                        std::vector<std::string> arguments) {
    std::vector<std::string> command = wrapper_;
    command.insert(command.end(), {program, "--id", id, "--json", "--state-dir", folder_.file("state/" + id),
                                   "--clock-page", page(id)});
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (setup_.equip) {
        for (std::string& option : setup_.equip(id)) command.push_back(std::move(option));
    }
    nodes_.push_back(
        {id, std::make_unique<Process>(command.front(), std::vector(command.begin() + 1, command.end()))});
    return *nodes_.back().process;
}

Process& Cluster::master(const std::string& id, std::vector<std::string> extra) {
    std::vector<std::string> arguments{"--interval", setup_.interval};
    for (const char* what : kEndpoints) {
        arguments.push_back(std::string("--") + what);
        arguments.push_back(url(id, what));
    }
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    return start(setup_.master_program, id, std::move(arguments));
}

Process& Cluster::standby(const std::string& id, const std::string& peer, std::vector<std::string> extra) {
    extra.insert(extra.end(), {"--standby", "--priority", "50", "--peer", url(peer)});
    return master(id, std::move(extra));
}

Process& Cluster::slave(const std::string& id, std::vector<std::string> extra, const std::string& master) {
    extra.insert(extra.end(), {"--master", url(master)});
    return start(setup_.slave_program, id, std::move(extra));
}

void Cluster::forget(const Process& process) {
    std::erase_if(nodes_, [&](const Node& node) { return node.process.get() == &process; });
}

bool Cluster::wait_for(const std::function<bool()>& predicate, milliseconds patience) {
    const auto end = Clock::now() + kSlowness * patience;
    for (;;) {
        std::vector<Process*> processes;
        for (const Node& node : nodes_) processes.push_back(node.process.get());
        wait_readable(processes, kPumpTick);
        for (Process* process : processes) process->pump();
        if (predicate()) return true;
        if (Clock::now() >= end) return false;
    }
}

std::string Cluster::ended() {
    for (const Node& node : nodes_) {
        if (const auto code = node.process->wait_exit(milliseconds{0}))
            return node.id + " has ended (code " + std::to_string(*code) +
                   "): " + last_line(node.process->log());
    }
    return {};
}

}  // namespace berkeley::harness
