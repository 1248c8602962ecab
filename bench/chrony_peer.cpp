#include "bench/chrony_peer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace berkeley::bench {

using harness::Process;
using harness::TemporaryFolder;

namespace {

/// Addresses for documentation (RFC 5737): in networks of our own they are nobody's.
constexpr const char* kServerAddress = "192.0.2.1";
constexpr const char* kClientAddress = "192.0.2.2";
/// Fields of `chronyc -c tracking`.
constexpr std::size_t kFieldAddress = 1;
constexpr std::size_t kFieldSystemTime = 4;

std::string server_config(const TemporaryFolder& folder) {
    return fmt::format("local stratum 1\nallow {}\ncmdport 0\nbindcmdaddress {}\npidfile {}\n",
                       kClientAddress, folder.file("chrony-server.sock"), folder.file("chrony-server.pid"));
}

/// Its best settings for such a link: interleaved mode, kernel time-stamps where the driver has them.
std::string client_config(const TemporaryFolder& folder) {
    return fmt::format(
        "server {} minpoll -2 maxpoll -2 xleave\ncmdport 0\nbindcmdaddress {}\npidfile {}\n"
        "hwtimestamp *\n",
        kServerAddress, folder.file("chrony.sock"), folder.file("chrony-client.pid"));
}

Result<std::unique_ptr<Process>> start_daemon(const TemporaryFolder& folder, const std::string& name,
                                              const std::string& config) {
    const std::string path = folder.file(name + ".conf");
    if (!(std::ofstream(path) << config << std::flush)) return failure("'" + path + "' cannot be written");
    // -n: in the foreground; -x: leave the system clock alone; -u: keep access to our folder.
    return Process::start(
        {.program = "chronyd", .arguments = {"-n", "-x", "-u", "root", "-f", path}, .own_network = true});
}

Result<void> ip(pid_t network_of, const std::string& words) {
    std::istringstream stream(words);
    harness::Launch launch{.program = "ip", .network_of = network_of};
    for (std::string word; stream >> word;) launch.arguments.push_back(word);
    const auto done = harness::run_successfully(launch);
    if (!done) return failure(done.error());
    return {};
}

Result<void> join(pid_t server, pid_t client) {
    return ip(server, fmt::format("link add veth0 type veth peer name veth0 netns {}", client))
        .and_then([&] { return ip(server, fmt::format("addr add {}/30 dev veth0", kServerAddress)); })
        .and_then([&] { return ip(client, fmt::format("addr add {}/30 dev veth0", kClientAddress)); })
        .and_then([&] { return ip(server, "link set veth0 up"); })
        .and_then([&] { return ip(client, "link set veth0 up"); });
}

std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    return fields;
}

}  // namespace

Result<void> ChronyPair::check() {
    for (const char* name : {"chronyd", "chronyc", "ip"}) {
        if (harness::find_program(name).empty()) {
            return failure(
                fmt::format("--with-chrony: '{}' is missing (packages chrony and iproute2)", name));
        }
    }
    if (::geteuid() != 0)
        return failure("--with-chrony: only root can make the networks that chronyd runs in");
    return {};
}

Result<ChronyPair> ChronyPair::start(const TemporaryFolder& folder) {
    auto server = start_daemon(folder, "chrony-server", server_config(folder));
    if (!server) return failure(server.error());
    auto client = start_daemon(folder, "chrony-client", client_config(folder));
    if (!client) return failure(client.error());
    if (const auto joined = join((*server)->pid(), (*client)->pid()); !joined) return failure(joined.error());
    return ChronyPair{folder, std::move(*server), std::move(*client)};
}

Result<Duration> ChronyPair::system_time_error() const {
    const auto text = harness::run_successfully(
        {.program = "chronyc", .arguments = {"-h", folder_->file("chrony.sock"), "-c", "tracking"}});
    if (!text) return failure(text.error());
    const auto fields = fields_of(*text);
    if (fields.size() <= kFieldSystemTime || fields[kFieldAddress] != kServerAddress) {
        return failure("chronyd does not follow its server");
    }
    double seconds = 0;
    const std::string& field = fields[kFieldSystemTime];
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), seconds);
    if (error != std::errc{} || end != field.data() + field.size()) {
        return failure("chronyc's answer was not understood: " + field);
    }
    return Duration{std::llround(seconds * 1e9)};
}

std::string ChronyPair::version() {
    const auto text = harness::run_successfully({.program = "chronyd", .arguments = {"--version"}});
    return text ? text->substr(0, text->find('\n')) : "unknown";
}

}  // namespace berkeley::bench
