// Path: one way to a peer and back, as `berkeley-bench latency` measures it. Not thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "estimate/sample.hpp"

namespace berkeley::bench {

/// A round trip that takes longer is lost.
inline constexpr Duration kProbeTimeout = std::chrono::seconds{1};
/// A path stands by then, or it never will.
inline constexpr Duration kConnectTimeout = std::chrono::seconds{10};

enum class Wire : std::uint8_t { tcp, tcp_curve, ipc, inproc };

class Path {
public:
    virtual ~Path() = default;
    virtual std::string name() const = 0;
    /// Probes one after the other: the round trips, each from before the request is made until
    /// after the answer is understood. Ends at the first that is lost.
    virtual std::vector<Duration> probe(std::uint64_t count) = 0;
};

/// The product's own poll path, by the code that users run:
///
///   prober: a NodeShell whose node asks for          slave: berkeley-slave, or a NodeShell on a
///   one reply after the other                        thread of the prober's process (inproc)
///   core, encode, Transport::send(route)    ---->    Transport::poll, receive, gate, decode, core,
///   Transport::poll, receive, gate, decode  <----    encode, Transport::send (stamps t3)
///
/// Both ends have what they have in real use: publishers and subscriptions, log, state, and CPUs
/// kept awake while a burst lasts.
class PollPath : public Path {
public:
    /// A burst: the four stamps of each probe, as the master has them.
    virtual std::vector<ProbeStamps> exchange(std::uint64_t count) = 0;
};

/// Returns when the slave has been welcomed. `placed`: each end on its own CPUs.
[[nodiscard]] Result<std::unique_ptr<PollPath>> make_poll_path(Wire wire, bool placed = true);
/// Bare ROUTER and DEALER with as many bytes each way.
[[nodiscard]] Result<std::unique_ptr<Path>> make_libzmq_path(Wire wire);
/// Bare blocking TCP sockets with TCP_NODELAY and as many bytes each way.
[[nodiscard]] Result<std::unique_ptr<Path>> make_raw_path();

/// "poll_tcp": a prefix, and the wire.
std::string name_of(std::string_view prefix, Wire wire);
/// Any port; ipc in the abstract name space, so that nothing is left behind however the run ends.
std::string endpoint_of(Wire wire, std::string_view name);

}  // namespace berkeley::bench
