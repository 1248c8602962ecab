// SystemClockLock: at most one node of a machine steers its CLOCK_REALTIME.
//
// A lock (flock) on a file below /run, which the kernel drops with its holder. The file names the holder and
// carries its KernelMark: what it last gave the kernel. Whoever finds the lock taken compares the mark with
// its own kernel, because /run may be shared by machines (a container's volume, a guest's host folder):
// another kernel's clock is none of our business. Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "os/file_descriptor.hpp"
#include "os/system_clock.hpp"

namespace berkeley {

class SystemClockLock {
public:
    /// The first folder that can be used; all nodes must agree on it, whatever user they run as.
    static std::vector<std::string> usual_paths();

    SystemClockLock() = default;

    /// Takes the lock for `owner` ("slave s1 of cluster c, process 17"). `look` reads this machine's kernel.
    /// Fails with one line that names the first node, where that steers the same kernel. Where the lock
    /// cannot be had for another reason, goes on without and says why in `complaint`.
    [[nodiscard]] static Result<SystemClockLock> take(const std::vector<std::string>& paths,
                                                      const std::string& owner,
                                                      const std::function<KernelMark()>& look,
                                                      std::string& complaint);

    /// Tells what the holder has just given the kernel. Nothing happens without a lock.
    void tell(const KernelMark& mark);
    bool held() const { return file_.get() >= 0; }

private:
    FileDescriptor file_;
    std::string owner_;
};

}  // namespace berkeley
