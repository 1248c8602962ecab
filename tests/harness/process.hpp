// Process: another program, run by a test or a benchmark, that never outlives it.
//
// It has a process group of its own, dies with this process however that dies (PR_SET_PDEATHSIG), and is
// killed and waited for with its object, whatever its group has started included. Its stdout is collected
// line by line, its stderr in memory: neither needs a file. On request it gets a network of its own (as
// root), which is gone with the last process in it. Not thread-safe. Start processes from the thread that
// lives longest: a child dies with the thread, not the process, that forked it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tests/harness/json.hpp"

namespace berkeley::harness {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Launch {
    std::string program;  ///< a path, or a name to look for in $PATH
    std::vector<std::string> arguments{};
    std::vector<int> cpus{};  ///< that it may run on; empty: those of this process
    bool input = false;       ///< tell() writes to its stdin, which is empty otherwise
    bool own_network = false;
    pid_t network_of = 0;  ///< 0: the network of this process
};

class Process {
public:
    /// Returns when the program runs: one that cannot be executed is an error here.
    [[nodiscard]] static Result<std::unique_ptr<Process>> start(const Launch& launch);
    /// For tests: a program that cannot be executed has ended with code 127, and its log says why.
    Process(const std::string& program, const std::vector<std::string>& arguments);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    /// To the program itself, not to what it has started.
    void signal(int number) const;
    /// A line to its stdin; nothing where that is closed. Does not wait.
    void tell(const std::string& line) const;
    bool running() { return !wait_exit(milliseconds{0}); }
    /// The exit code, or nothing where it still runs at the deadline; 128 + signal where one ended it.
    std::optional<int> wait_exit(milliseconds patience);

    /// Reads the lines that are there, without waiting; those that are no JSON are no events.
    void pump();
    /// pump() until the predicate holds; false where the patience or the process ended before.
    bool wait_for(const std::function<bool()>& predicate, milliseconds patience);
    const std::vector<Json>& events() const { return events_; }
    /// The events since the last call, which the process then forgets, their text too.
    std::vector<Json> take();
    const std::string& text() const { return text_; }  ///< all of stdout
    std::string log() const;                           ///< all of stderr

    /// For poll(); -1 once the program has closed its stdout.
    int fd() const { return out_; }

private:
    explicit Process(const Launch& launch);
    void fork_and_execute(const Launch& launch);
    bool reap();

    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    int log_ = -1;
    std::string failed_;  ///< why it did not start
    std::string text_;
    std::size_t parsed_ = 0;
    std::vector<Json> events_;
    std::optional<int> code_;
};

/// Waits until one of these has something to read.
void wait_readable(const std::vector<Process*>& processes, milliseconds patience);

/// Runs a program to its end.
struct Finished {
    int code = -1;  ///< -1: killed, as its time was over
    std::string out;
    std::string err;
};
Finished run(const Launch& launch, milliseconds patience = seconds{20});
inline Finished run(const std::string& program, const std::vector<std::string>& arguments,
                    milliseconds patience = seconds{20}) {
    return run(Launch{program, arguments}, patience);
}
/// The same for a program that must succeed: its stdout. The error is the first line of its stderr.
[[nodiscard]] Result<std::string> run_successfully(const Launch& launch);

/// A folder for temporary files, removed with all that is in it.
class TemporaryFolder {
public:
    [[nodiscard]] static Result<TemporaryFolder> create(
        const std::string& prefix = "berkeley",
        const std::filesystem::path& parent = std::filesystem::temp_directory_path());
    TemporaryFolder(TemporaryFolder&& other) noexcept;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    ~TemporaryFolder();

    const std::filesystem::path& path() const { return path_; }
    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// The program of that name in one of $PATH's folders, /usr/sbin or /sbin; empty where there is none.
std::string find_program(const std::string& name);
/// The program of that name in the folder of the one that runs.
std::string beside_this_program(const std::string& name);

bool is(const Json& event, const char* name);
/// The first event of that name for which `where` holds.
const Json* find(
    const Process& process, const char* name,
    const std::function<bool(const Json&)>& where = [](const Json&) { return true; });

}  // namespace berkeley::harness
