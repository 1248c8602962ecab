#include "net/connections.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {

bool is_endless(Connection& connection, std::uint64_t received) {
    if (std::exchange(connection.heard, false) || received < connection.bytes) {
        connection.bytes = received;
        return false;
    }
    return received - connection.bytes > kMaxUnfinishedBytes;
}

void Connections::accepted(BoundSocket which, const Connection& connection) {
    of(which).emplace(connection.fd, connection);
    highest_ = std::max(highest_, connection.fd);
}

std::optional<Connection> Connections::gone(BoundSocket which, int fd) {
    auto node = of(which).extract(fd);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
}

Connection* Connections::find(BoundSocket which, int fd, std::uint64_t admission) {
    Connection* connection = find(which, fd);
    return connection != nullptr && connection->first_admission <= admission ? connection : nullptr;
}

Connection* Connections::find(BoundSocket which, int fd) {
    const auto found = of(which).find(fd);
    return found == of(which).end() ? nullptr : &found->second;
}

std::vector<Connection> Connections::clear(BoundSocket which) {
    std::vector<Connection> all;
    for (auto& [fd, connection] : std::exchange(of(which), {})) all.push_back(std::move(connection));
    return all;
}

}  // namespace berkeley
