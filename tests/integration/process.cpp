#include "tests/integration/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "berkeley/clock.h"

namespace berkeley::test {

namespace {

using Clock = std::chrono::steady_clock;

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

Process::Process(const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& log)
    : log_(log) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    // To signal process -1 would be to signal all processes of the machine.
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
        // Dies with the test, even where that is killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        dup2(pipe_fds[1], STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        execvp(program.c_str(), argv.data());
        _exit(127);
    }
    close(pipe_fds[1]);
    out_ = pipe_fds[0];
    fcntl(out_, F_SETFL, O_NONBLOCK);
}

Process::~Process() {
    if (!code_) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    if (out_ >= 0) close(out_);
}

void Process::signal(int number) const {
    if (!code_) kill(pid_, number);
}

void Process::pump() {
    char buffer[65536];
    while (out_ >= 0) {
        const ssize_t size = read(out_, buffer, sizeof buffer);
        if (size > 0) {
            text_.append(buffer, static_cast<std::size_t>(size));
        } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else {
            close(out_);
            out_ = -1;
        }
    }
    for (;;) {
        const std::size_t end = text_.find('\n', parsed_);
        if (end == std::string::npos) return;
        Json line = Json::parse(text_.substr(parsed_, end - parsed_), nullptr, false);
        parsed_ = end + 1;
        if (!line.is_discarded()) events_.push_back(std::move(line));
    }
}

std::optional<int> Process::wait_exit(milliseconds patience) {
    const auto end = Clock::now() + patience;
    while (!code_) {
        pump();
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            pump();
        } else if (Clock::now() >= end) {
            return std::nullopt;
        } else {
            poll(nullptr, 0, 2);
        }
    }
    return code_;
}

std::string Process::log() const { return read_file(log_); }

Cluster::Cluster(const std::filesystem::path& parent) {
    std::string pattern = (parent / "berkeley-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
}

Cluster::~Cluster() {
    if (::testing::Test::HasFailure()) {
        for (const auto& process : processes_) std::printf("--- log\n%s\n", process->log().c_str());
    }
    processes_.clear();
    std::filesystem::remove_all(folder_);
}

std::string Cluster::url(const std::string& id, const std::string& what) const {
    return "ipc://" + (folder_ / (id + "-" + what)).string();
}

Process& Cluster::start(const std::string& program, const std::string& id,
                        std::vector<std::string> arguments) {
    const std::vector<std::string> common{
        "--id", id, "--json", "--state-dir", (folder_ / "state" / id).string(), "--clock-page", page(id)};
    arguments.insert(arguments.begin(), common.begin(), common.end());
    if (equip_) {
        for (std::string& option : equip_(id)) arguments.push_back(std::move(option));
    }
    const std::string log = (folder_ / (id + "." + std::to_string(++logs_) + ".log")).string();
    std::vector<std::string> command = wrapper_;
    command.push_back(program);
    command.insert(command.end(), arguments.begin(), arguments.end());
    processes_.push_back(
        std::make_unique<Process>(command.front(), std::vector(command.begin() + 1, command.end()), log));
    return *processes_.back();
}

Process& Cluster::master(const std::string& id, std::vector<std::string> extra) {
    std::vector<std::string> arguments{
        "--interval",        "250ms", "--poll", url(id), "--publish", url(id, "publish"), "--heartbeat",
        url(id, "heartbeat")};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    return start(BERKELEY_MASTER_PROGRAM, id, std::move(arguments));
}

Process& Cluster::standby(const std::string& id, const std::string& peer, std::vector<std::string> extra) {
    extra.insert(extra.end(), {"--standby", "--priority", "50", "--peer", url(peer)});
    return master(id, std::move(extra));
}

Process& Cluster::slave(const std::string& id, std::vector<std::string> extra, const std::string& master) {
    extra.insert(extra.end(), {"--master", url(master)});
    return start(BERKELEY_SLAVE_PROGRAM, id, std::move(extra));
}

void Cluster::forget(const Process& process) {
    std::erase_if(processes_, [&](const auto& p) { return p.get() == &process; });
}

void Cluster::pump(milliseconds patience) {
    std::vector<pollfd> fds;
    for (const auto& process : processes_) {
        if (process->open()) fds.push_back({process->fd(), POLLIN, 0});
    }
    poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
    for (const auto& process : processes_) process->pump();
}

bool Cluster::wait_for(const std::function<bool()>& predicate, milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        pump(milliseconds{5});
        if (predicate()) return true;
        if (Clock::now() >= end) return false;
    }
}

Cluster::Reading Cluster::read(const std::string& id) const {
    Reading reading{.status = BERKELEY_CLOCK_UNSYNCHRONIZED};
    berkeley_clock* clock = nullptr;
    berkeley_clock_interval interval{};
    timespec before{};
    timespec after{};
    if (berkeley_clock_open(page(id).c_str(), &clock) != BERKELEY_CLOCK_OK) return reading;
    clock_gettime(CLOCK_MONOTONIC_RAW, &before);
    const bool read = berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK;
    clock_gettime(CLOCK_MONOTONIC_RAW, &after);
    berkeley_clock_close(clock);
    if (!read) return reading;
    const auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
    reading.status = interval.status;
    reading.ahead = interval.now_ns - ns(before);
    reading.bound = interval.latest_ns - interval.now_ns;
    reading.width = ns(after) - ns(before);
    return reading;
}

void Cluster::expect_bounded(const std::map<std::string, Reading>& readings) {
    for (const auto& [one, a] : readings) {
        EXPECT_NE(a.status, BERKELEY_CLOCK_UNSYNCHRONIZED) << one;
        for (const auto& [other, b] : readings) {
            EXPECT_LE(std::abs(a.ahead - b.ahead), a.bound + a.width + b.bound + b.width)
                << one << " and " << other;
        }
    }
}

void Cluster::expect_bounded(const std::vector<std::string>& ids) const {
    std::map<std::string, Reading> readings;
    for (const std::string& id : ids) readings[id] = read(id);
    expect_bounded(readings);
}

std::optional<std::int64_t> Cluster::spread_ns(const std::vector<std::string>& ids) const {
    std::optional<std::int64_t> best;
    for (int attempt = 0; attempt < 10; ++attempt) {
        std::int64_t low = INT64_MAX;
        std::int64_t high = INT64_MIN;
        for (const std::string& id : ids) {
            berkeley_clock* clock = nullptr;
            berkeley_clock_interval interval{};
            const bool read = berkeley_clock_open(page(id).c_str(), &clock) == BERKELEY_CLOCK_OK &&
                              berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK;
            timespec now{};
            clock_gettime(CLOCK_MONOTONIC_RAW, &now);
            berkeley_clock_close(clock);
            if (!read || interval.status != BERKELEY_CLOCK_SYNCHRONIZED) return std::nullopt;
            const std::int64_t ahead = interval.now_ns - (now.tv_sec * 1'000'000'000 + now.tv_nsec);
            low = std::min(low, ahead);
            high = std::max(high, ahead);
        }
        // A preemption between clock and page only ever widens what is seen.
        best = std::min(best.value_or(INT64_MAX), high - low);
    }
    return best;
}

bool Cluster::wait_agreement(const std::vector<std::string>& ids, std::int64_t limit_ns) {
    return wait_for([&] {
        const auto spread = spread_ns(ids);
        return spread && *spread < limit_ns;
    });
}

Finished run(const std::string& program, const std::vector<std::string>& arguments, milliseconds patience) {
    std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-run-XXXXXX").string();
    const int fd = mkstemp(pattern.data());
    close(fd);
    Finished result;
    {
        Process process(program, arguments, pattern);
        result.code = process.wait_exit(patience).value_or(-1);
        result.out = process.text();
        result.err = process.log();
    }
    std::filesystem::remove(pattern);
    return result;
}

bool is(const Json& event, const char* name) { return event.value("event", "") == name; }

const Json* find(const Process& process, const char* name, const std::function<bool(const Json&)>& where) {
    for (const Json& event : process.events()) {
        if (is(event, name) && where(event)) return &event;
    }
    return nullptr;
}

}  // namespace berkeley::test
