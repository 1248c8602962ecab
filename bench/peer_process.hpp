// PeerProcess: the other end of a path, in a process of its own as in real use.
//
// It is forked before this process has any ZeroMQ context or thread (neither survives a fork), waits until it
// is told its endpoint, and lives until it is destroyed or until its parent dies, however that dies.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley::bench {

class PeerProcess {
public:
    /// What the child does with the endpoint; it need not return.
    using Main = void (*)(const std::string& endpoint);
    /// The same of a child that has something to say: report() into `channel` comes out of hear().
    using Reporter = void (*)(const std::string& endpoint, int channel);

    /// Requires: one thread in this process.
    [[nodiscard]] static Result<PeerProcess> start(Main main);
    [[nodiscard]] static Result<PeerProcess> start(Reporter main);

    PeerProcess(PeerProcess&& other) noexcept;
    PeerProcess& operator=(PeerProcess&&) = delete;
    ~PeerProcess();  ///< ends the child and waits for it

    [[nodiscard]] Result<void> tell(std::string_view endpoint);

    /// What happened in the child, by the clock that both share.
    struct Report {
        std::uint64_t number;
        std::int64_t at_ns;
    };
    static void report(int channel, const Report& report);
    /// The next one; a failure where the child is gone or says nothing for so long.
    [[nodiscard]] Result<Report> hear(Duration patience);

private:
    using AnyMain = std::function<void(const std::string& endpoint, int channel)>;
    static Result<PeerProcess> fork_child(const AnyMain& main);
    PeerProcess(pid_t pid, int channel) : pid_(pid), channel_(channel) {}
    pid_t pid_;
    int channel_;
};

}  // namespace berkeley::bench
