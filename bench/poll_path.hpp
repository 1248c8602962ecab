// The product's own poll path: POLL encoded and sent over the ROUTER, answered by a slave, REPLY decoded.
//
//   this process                                   the slave: another process, or a thread (inproc)
//   encode POLL, Transport::send(route)   ---->    Transport::poll, receive, decode
//   Transport::poll, receive, decode      <----    SlaveCore::on_message, its actions: encode, send (stamps
//   t3)
//
// Both ends have every socket that they have in real use, publishers and subscriptions too: each costs a
// little in every poll, and that is to be seen. The slave's loop is that of common/node/node_shell without
// files, log and signals.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "bench/path.hpp"
#include "bench/peer_process.hpp"
#include "estimate/sample.hpp"

namespace berkeley::bench {

/// Runs a slave of the master at that poll endpoint, for ever, on its half of the CPUs.
void run_slave_process(const std::string& endpoint);
/// The same with a key, which make_bench_keys() must have made before the fork.
void run_secured_slave_process(const std::string& endpoint);
[[nodiscard]] Result<void> make_bench_keys();
/// The same where the scheduler wants it, as in real use.
void run_unplaced_slave_process(const std::string& endpoint);

class PollPath : public Path {
public:
    /// One probe's four stamps, as the master takes and receives them; nothing where no answer came in time.
    virtual std::optional<ProbeStamps> exchange() = 0;
    /// Sleeps, as the master does between its bursts; what comes meanwhile is thrown away.
    virtual void idle(Duration duration) = 0;
    virtual RawTime now() const = 0;
};

/// `peer` runs run_slave_process; null for inproc, where the slave is a thread. `tag` keeps the ipc and
/// inproc names of two runs apart. Returns when the slave has been welcomed.
[[nodiscard]] Result<std::unique_ptr<PollPath>> make_poll_path(Wire wire, std::string_view tag,
                                                               PeerProcess* peer);

/// Of a POLL and of a REPLY on the wire, as they are in the middle of a long run.
struct PollSizes {
    std::size_t poll;
    std::size_t reply;
};
PollSizes poll_sizes();

}  // namespace berkeley::bench
