#include "tests/integration/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

/// Nobody has this address, so what is sent there is taken by nobody.
constexpr const char* kNobody = "02:00:00:00:00:01";

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

/// A new network namespace; -1 where there can be none. A thread enters it and hands it over, so that this
/// process stays where it is.
int new_namespace() {
    int fd = -1;
    int error = 0;
    std::thread([&] {
        if (::unshare(CLONE_NEWNET) == 0) fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        error = errno;
    }).join();
    errno = error;
    return fd;
}

std::string path_of(int fd) { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd); }

}  // namespace

std::string Network::unavailable() {
    if (::geteuid() != 0) return "needs root for network namespaces";
    const int fd = new_namespace();
    if (fd < 0) return std::string("needs the right to make network namespaces: ") + std::strerror(errno);
    const Finished tried = run("nsenter", {"--net=" + path_of(fd), "ip", "link"});
    ::close(fd);
    if (tried.code != 0) return "needs nsenter (util-linux) and ip (iproute2): " + tried.err;
    return {};
}

Network::Network() {
    make_space(kBridge);
    ip(kBridge, {"link", "add", "br0", "type", "bridge"});
    ip(kBridge, {"link", "set", "br0", "up"});
}

Network::~Network() {
    for (const auto& [id, fd] : spaces_) ::close(fd);
}

void Network::make_space(const std::string& id) {
    const int fd = new_namespace();
    if (fd < 0) throw std::runtime_error(std::string("no network namespace: ") + std::strerror(errno));
    spaces_.emplace(id, fd);
}

void Network::ip(const std::string& id, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command = wrapper(id);
    command.emplace_back("ip");
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Finished done = run(command.front(), {command.begin() + 1, command.end()});
    if (done.code != 0) throw std::runtime_error("ip " + joined(arguments) + ": " + done.err);
}

void Network::add(const std::string& id) {
    numbers_.emplace(id, static_cast<int>(numbers_.size()) + 1);
    make_space(id);
    ip(id, {"link", "add", "eth0", "type", "veth", "peer", "name", "to-" + id, "netns", path(kBridge)});
    ip(kBridge, {"link", "set", "to-" + id, "master", "br0", "up"});
    ip(id, {"address", "add", address(id) + "/24", "dev", "eth0"});
    ip(id, {"address", "add", address6(id) + "/64", "dev", "eth0", "nodad"});
    ip(id, {"link", "set", "lo", "up"});
    ip(id, {"link", "set", "eth0", "up"});
}

std::string Network::path(const std::string& id) const { return path_of(spaces_.at(id)); }

std::vector<std::string> Network::wrapper(const std::string& id) const {
    return {"nsenter", "--net=" + path(id)};
}

void Network::cut(const std::string& from, const std::string& to) {
    ip(from, {"neigh", "replace", address(to), "lladdr", kNobody, "dev", "eth0", "nud", "permanent"});
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
    ip(kBridge, {"link", "set", "to-" + id, "down"});
    pulled_.insert(id);
}

void Network::heal() {
    for (const auto& [from, to] : cuts_) {
        ip(from, {"neigh", "delete", address(to), "dev", "eth0"});
    }
    for (const std::string& id : pulled_) ip(kBridge, {"link", "set", "to-" + id, "up"});
    cuts_.clear();
    pulled_.clear();
}

}  // namespace berkeley::test
