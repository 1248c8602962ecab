// ChildProcess: another program, run by a benchmark, that never outlives it.
//
// It is killed when this process dies, however that happens, and is always waited for. It may be given a
// network of its own (as root), which is gone with the last process in it: nothing has to be removed.
// Not thread-safe. Start children from the thread that lives longest: a child dies with the thread, not the
// process, that forked it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"

namespace berkeley::bench {

struct Launch {
    std::string program;
    std::vector<std::string> arguments;
    std::string out = "/dev/null";
    std::string err = "/dev/null";
    bool own_network = false;
    pid_t network_of = 0;  ///< 0: the network of this process
};

class ChildProcess {
public:
    /// Returns when the program runs: one that cannot be executed is an error here.
    [[nodiscard]] static Result<ChildProcess> start(const Launch& launch);

    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;
    ~ChildProcess();  ///< asks it to end, waits a while, kills it

    pid_t pid() const { return pid_; }
    bool running();
    /// SIGTERM; does not wait. So many children end at the same time instead of one after another.
    void ask_to_end() const;
    /// Waits for its end; the exit code, or 128 + signal.
    int wait();

private:
    explicit ChildProcess(pid_t pid) : pid_(pid) {}
    bool reap(int options);

    pid_t pid_;
    int code_ = -1;
};

/// Runs a program to its end; what it wrote to stdout. A failure carries the first line that it wrote to
/// stderr. Output goes through files in `folder`.
[[nodiscard]] Result<std::string> run_program(const std::string& folder, Launch launch);

/// A folder under the system's for temporary files, removed with all that is in it.
class TemporaryFolder {
public:
    [[nodiscard]] static Result<TemporaryFolder> create();
    TemporaryFolder(TemporaryFolder&& other) noexcept;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder();

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

/// Empty where it cannot be read.
std::string read_file(const std::string& path);

/// The program of that name in one of $PATH's folders, /usr/sbin or /sbin; empty where there is none.
std::string find_program(const std::string& name);

}  // namespace berkeley::bench
