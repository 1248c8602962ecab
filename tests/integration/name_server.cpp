#include "tests/integration/name_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <stdexcept>

namespace berkeley::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Reply {
    Clock::time_point due;
    sockaddr_in6 to{};
    std::string bytes;
};

/// A socket of another namespace: only the thread that makes it has to be in there.
int socket_in(const std::string& name_space) {
    int made = -1;
    std::thread([&] {
        const FileDescriptor space(::open(name_space.c_str(), O_RDONLY | O_CLOEXEC));
        if (::setns(space.get(), CLONE_NEWNET) != 0) return;
        made = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in6 any{};
        any.sin6_family = AF_INET6;
        any.sin6_port = htons(53);
        if (::bind(made, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0) return;
        ::close(made);
        made = -1;
    }).join();
    return made;
}

}  // namespace

NameServer::NameServer(const std::string& name_space) : socket_(socket_in(name_space)) {
    if (socket_.get() < 0) throw std::runtime_error("no name server in " + name_space);
    thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
    end_.ring();
    thread_.join();
}

void NameServer::set(const std::string& name, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    names_[name] = std::move(addresses);
}

void NameServer::answer_after(std::chrono::milliseconds delay) {
    const std::lock_guard lock(mutex_);
    delay_ = delay;
}

void NameServer::die() {
    const std::lock_guard lock(mutex_);
    dead_ = true;
}

/// One question (RFC 1035): header of 12 bytes, labels, type, class. Empty: no answer.
std::string NameServer::reply_to(const std::string& query) {
    std::string name;
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
        const auto length = static_cast<std::size_t>(query[at]);
        name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
        at += length + 1;
    }
    if (dead_ || at + 5 > query.size()) return {};
    const int family = query[at + 2] == 28 ? AF_INET6 : AF_INET;
    const auto known = names_.find(name);
    std::string records;
    char count = 0;
    if (known != names_.end()) {
        for (const std::string& address : known->second) {
            std::array<char, 16> bytes{};
            if (::inet_pton(family, address.c_str(), bytes.data()) != 1) continue;
            const std::size_t size = family == AF_INET6 ? 16 : 4;
            // The name by a pointer to the question's; type, class, a life of a second, size.
            records += std::string("\xc0\x0c\0", 3) + query[at + 2] + std::string("\0\1\0\0\0\1\0", 7);
            records += static_cast<char>(size);
            records.append(bytes.data(), size);
            ++count;
        }
    }
    const char code = known != names_.end() ? '\x80' : '\x83';
    return query.substr(0, 2) + '\x81' + code + std::string("\0\1\0", 3) + count + std::string(4, '\0') +
           query.substr(12, at + 5 - 12) + records;
}

void NameServer::serve() {
    std::vector<Reply> replies;
    std::array<pollfd, 2> watched{{{socket_.get(), POLLIN, 0}, {end_.descriptor(), POLLIN, 0}}};
    for (;;) {
        ::poll(watched.data(), watched.size(), replies.empty() ? -1 : 5);
        if (watched[1].revents != 0) return;
        std::array<char, 512> buffer{};
        Reply reply;
        socklen_t size = sizeof reply.to;
        const auto got = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&reply.to), &size);
        if (got > 12) {
            const std::lock_guard lock(mutex_);
            reply.bytes = reply_to({buffer.data(), static_cast<std::size_t>(got)});
            reply.due = Clock::now() + delay_;
            if (!reply.bytes.empty()) replies.push_back(std::move(reply));
        }
        std::erase_if(replies, [&](const Reply& one) {
            if (one.due > Clock::now()) return false;
            ::sendto(socket_.get(), one.bytes.data(), one.bytes.size(), 0,
                     reinterpret_cast<const sockaddr*>(&one.to), sizeof one.to);
            return true;
        });
    }
}

}  // namespace berkeley::test
