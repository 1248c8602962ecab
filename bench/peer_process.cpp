#include "bench/peer_process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace berkeley::bench {

namespace {

constexpr std::size_t kEndpointMax = 255;

/// Up to the end of the line; empty where the parent went away before.
std::string read_line(int fd) {
    std::string line;
    for (char c = 0; line.size() <= kEndpointMax && ::read(fd, &c, 1) == 1;) {
        if (c == '\n') return line;
        line += c;
    }
    return {};
}

template <class Main>
[[noreturn]] void be_child(pid_t parent, int channel, const Main& main) {
    // Whatever ends the parent ends us; it may have ended before we could ask for that.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
    const std::string endpoint = read_line(channel);
    if (!endpoint.empty()) main(endpoint, channel);
    ::_exit(0);
}

}  // namespace

Result<PeerProcess> PeerProcess::start(Main main) {
    return fork_child([main](const std::string& endpoint, int) { main(endpoint); });
}

Result<PeerProcess> PeerProcess::start(Reporter main) { return fork_child(main); }

Result<PeerProcess> PeerProcess::fork_child(const AnyMain& main) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return failure(std::string("socketpair: ") + std::strerror(errno));
    }
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[1]);
        be_child(parent, ends[0], main);
    }
    const int error = errno;
    ::close(ends[0]);
    if (pid < 0) {
        ::close(ends[1]);
        return failure(std::string("fork: ") + std::strerror(error));
    }
    return PeerProcess{pid, ends[1]};
}

PeerProcess::PeerProcess(PeerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), channel_(std::exchange(other.channel_, -1)) {}

PeerProcess::~PeerProcess() {
    if (channel_ >= 0) ::close(channel_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<void> PeerProcess::tell(std::string_view endpoint) {
    const std::string line = std::string(endpoint) + '\n';
    // A socket and no pipe, so that a child that is gone is an error here and not a SIGPIPE.
    if (::send(channel_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
        return failure(std::string("a peer process is gone: ") + std::strerror(errno));
    }
    return {};
}

void PeerProcess::report(int channel, const Report& report) {
    // A parent that is gone ends this process by itself.
    static_cast<void>(::send(channel, &report, sizeof report, MSG_NOSIGNAL));
}

Result<PeerProcess::Report> PeerProcess::hear(Duration patience) {
    pollfd item{channel_, POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    if (::poll(&item, 1, static_cast<int>(ms)) != 1) return failure("a peer process says nothing");
    Report report{};
    if (::recv(channel_, &report, sizeof report, MSG_WAITALL) != static_cast<ssize_t>(sizeof report)) {
        return failure("a peer process is gone");
    }
    return report;
}

}  // namespace berkeley::bench
