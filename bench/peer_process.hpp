// PeerProcess: the other end of a path, in a process of its own as in real use.
//
// It is forked before this process has any ZeroMQ context or thread (neither survives a fork), waits until it
// is told its endpoint, and lives until it is destroyed or until its parent dies, however that dies.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berkeley::bench {

class PeerProcess {
public:
    /// What the child does with the endpoint; it need not return.
    using Main = void (*)(const std::string& endpoint);

    /// Requires: one thread in this process.
    [[nodiscard]] static Result<PeerProcess> start(Main main);

    PeerProcess(PeerProcess&& other) noexcept;
    PeerProcess& operator=(PeerProcess&&) = delete;
    ~PeerProcess();  ///< ends the child and waits for it

    [[nodiscard]] Result<void> tell(std::string_view endpoint);

private:
    PeerProcess(pid_t pid, int channel) : pid_(pid), channel_(channel) {}
    pid_t pid_;
    int channel_;
};

}  // namespace berkeley::bench
