// Real processes for the integration tests: started in a folder of their own, killed with their test whatever
// becomes of it, their JSON lines and log at hand. No sleeps: tests wait for events, with a deadline.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace berkeley::test {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Process {
public:
    /// stdout is collected line by line, stderr goes to `log`.
    Process(const std::string& program, const std::vector<std::string>& arguments, const std::string& log);
    ~Process();  ///< kill -9 and wait
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void signal(int number) const;
    /// The exit code, or nothing where it still runs at the deadline; 128 + signal where one ended it.
    std::optional<int> wait_exit(milliseconds patience);
    /// Reads what is there without waiting.
    void pump();

    pid_t pid() const { return pid_; }
    int fd() const { return out_; }
    bool open() const { return out_ >= 0; }
    const std::vector<Json>& events() const { return events_; }
    const std::string& text() const { return text_; }
    std::string log() const;

private:
    pid_t pid_ = -1;
    int out_ = -1;
    std::string log_;
    std::string text_;  ///< all of stdout
    std::size_t parsed_ = 0;
    std::vector<Json> events_;
    std::optional<int> code_;
};

/// A folder, a set of nodes, and ways to wait for them.
class Cluster {
public:
    explicit Cluster(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
    ~Cluster();

    /// Endpoints are ipc in the folder: `m1` has its poll endpoint at url("m1").
    Process& master(const std::string& id, std::vector<std::string> extra = {});
    Process& standby(const std::string& id, const std::string& peer, std::vector<std::string> extra = {});
    Process& slave(const std::string& id, std::vector<std::string> extra = {},
                   const std::string& master = "m1");
    /// Any program, with an identity, a state directory and a clock page of its own.
    Process& start(const std::string& program, const std::string& id, std::vector<std::string> arguments);
    /// From now on programs are started by this one, which gets theirs and its arguments after its own, and
    /// becomes it in the end. Empty: directly.
    void wrap(std::vector<std::string> wrapper) { wrapper_ = std::move(wrapper); }
    void forget(const Process& process);
    /// Options that every program gets from now on, by its id.
    void equip(std::function<std::vector<std::string>(const std::string& id)> options) {
        equip_ = std::move(options);
    }

    std::string url(const std::string& id, const std::string& what = "poll") const;
    std::string page(const std::string& id) const { return (folder_ / "pages" / id).string(); }
    const std::filesystem::path& folder() const { return folder_; }

    /// Until the predicate holds; false, with all logs in the test's output, when the patience ends.
    [[nodiscard]] bool wait_for(const std::function<bool()>& predicate, milliseconds patience = seconds{20});

    /// What the clock page of a node says.
    struct Reading {
        int status = 0;
        std::int64_t ahead = 0;  ///< of true time, to within `width`
        std::int64_t bound = 0;
        std::int64_t width = 0;  ///< how long the reading took
    };
    Reading read(const std::string& id) const;
    /// There is a time from which none of these clocks is further than its bound says: no two are further
    /// apart than both their bounds together.
    static void expect_bounded(const std::map<std::string, Reading>& readings);
    void expect_bounded(const std::vector<std::string>& ids) const;

    /// Widest difference of the clocks behind these pages at one instant; nothing where one cannot be read.
    std::optional<std::int64_t> spread_ns(const std::vector<std::string>& ids) const;
    /// wait_for: all within `limit_ns` and SYNCHRONIZED.
    [[nodiscard]] bool wait_agreement(const std::vector<std::string>& ids, std::int64_t limit_ns = 1'000'000);

private:
    void pump(milliseconds patience);

    std::filesystem::path folder_;
    std::vector<std::unique_ptr<Process>> processes_;
    std::function<std::vector<std::string>(const std::string& id)> equip_;
    std::vector<std::string> wrapper_;
    int logs_ = 0;
};

/// Runs a program to its end and returns it; its exit code is there.
struct Finished {
    int code = -1;
    std::string out;
    std::string err;
};
Finished run(const std::string& program, const std::vector<std::string>& arguments,
             milliseconds patience = seconds{20});

bool is(const Json& event, const char* name);
/// The first event of that name for which `where` holds.
const Json* find(
    const Process& process, const char* name,
    const std::function<bool(const Json&)>& where = [](const Json&) { return true; });

}  // namespace berkeley::test
