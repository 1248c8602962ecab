// Which programs of this machine may be steering its clock. Stateless; thread-safe.
#pragma once

#include <filesystem>
#include <string>

namespace berkeley {

/// The name and process id of a daemon that is known to keep CLOCK_REALTIME and has the capability to do so
/// ("chronyd, process 17"); empty where none is seen. `proc` is /proc; what hides there is not seen.
std::string running_clock_daemon(const std::filesystem::path& proc = "/proc");

}  // namespace berkeley
