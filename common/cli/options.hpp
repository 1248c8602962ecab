// Options: the command line and the TOML file of the two daemons, checked once and passed on as plain
// values.
//
// Every option of the command line may stand in the file (`--config`) under the same name without dashes.
// The command line wins. An unknown name is an error. An error gives one line that names the option and says
// what is allowed, and exit code 2. Stateless; reads the environment ($STATE_DIRECTORY, $HOME) and the host
// name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "base/bounded_string.hpp"
#include "base/key_files.hpp"
#include "base/time.hpp"
#include "cli/command.hpp"
#include "protocol/events.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

enum class ClockKind : std::uint8_t { virtual_clock, system_clock };

struct NodeOptions {
    NodeId id;
    bool id_is_of_process = false;  ///< made up for this run, because a slave got no --id
    ClusterName cluster;
    ClockKind clock = ClockKind::virtual_clock;
    bool claim_sync = false;           ///< tell the kernel that the system clock is right
    std::int64_t refclock_shm = -1;    ///< unit of NTP's shared memory; -1: none
    std::string refclock_sock;         ///< chronyd's socket; empty: none
    Duration clock_offset{0};          ///< injected
    std::int64_t clock_drift_ppb = 0;  ///< injected
    std::int64_t max_drift_ppb = 50'000;
    std::int64_t max_slew_ppb = 500'000;
    Duration step_threshold = std::chrono::seconds{1};
    Duration max_correction = std::chrono::seconds{1000};
    Duration max_bound = std::chrono::milliseconds{100};
    std::optional<std::filesystem::path> clock_page;  ///< empty: no page
    bool clock_page_is_of_process = false;            ///< nobody looks for it once this process has ended
    std::filesystem::path state_dir;                  ///< empty: nothing is kept over a restart
    Duration heartbeat_interval = std::chrono::milliseconds{100};
    Duration heartbeat_timeout = std::chrono::milliseconds{500};
    bool json = false;
    LogLevel log_level = LogLevel::info;
    bool let_cpus_sleep = false;  ///< also during bursts
    bool votes = true;            ///< false: never a voter; slaves only
    bool insecure = false;
    KeyFiles keys;  ///< none: no encryption
};

struct MasterOptions {
    NodeOptions node;
    bool standby = false;
    std::string poll = "tcp://127.0.0.1:5250";
    std::string publish = "tcp://127.0.0.1:5251";
    std::string heartbeat = "tcp://127.0.0.1:5252";
    std::vector<Url> peers;  ///< poll endpoints of other candidates
    std::string advertise;   ///< host that others shall use; empty: the one bound
    /// URLs that others shall use; empty: the ones bound, with `advertise` as host where that is given.
    std::string advertise_poll;
    std::string advertise_publish;
    std::string advertise_heartbeat;
    std::int32_t priority = 100;
    Duration interval = std::chrono::seconds{1};
    std::uint32_t burst = 8;
    std::uint32_t window = 32;
    std::uint32_t max_members = kMaxMembers;
};

struct SlaveOptions {
    NodeOptions node;
    std::vector<Url> masters;  ///< poll endpoints of candidates; at least one
    bool no_vote = false;      ///< node.votes is the same, resolved
};

template <class Options>
using Parsed = tl::expected<Options, EarlyExit>;

/// KeyOwner: reads the files of `keys` and returns the id of their owner; nothing where no key was given.
/// `given` is --id; `fallback` is the id without it. Each program passes in its reader of keys.
using KeyOwner = std::function<tl::expected<std::optional<NodeId>, OptionError>(
    const KeyFiles& keys, KeyUse use, const std::optional<NodeId>& given, const NodeId& fallback)>;

[[nodiscard]] Parsed<MasterOptions> parse_master_options(int argc, const char* const* argv,
                                                         const KeyOwner& owner);
[[nodiscard]] Parsed<SlaveOptions> parse_slave_options(int argc, const char* const* argv,
                                                       const KeyOwner& owner);

/// The host name as a valid part of a node's name; "node" where there is none.
std::string host_name();

}  // namespace berkeley
