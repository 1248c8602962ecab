#include "tests/harness/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>

namespace berkeley::harness {

namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kTick{2};
/// So much output may wait until the next pump(): more than a node writes in a minute.
constexpr int kPipeBytes = 1 << 20;
constexpr int kNotStarted = 127;

/// Everything that the child needs, made before the fork: between fork and exec a process with threads may
/// make async-signal-safe calls only.
struct Prepared {
    std::string program;
    std::string network;
    std::vector<char*> argv;
    cpu_set_t cpus;
    pid_t parent;
    int in;
    int out;
    int log;
    int failed;  ///< closed by a successful exec; else carries errno
};

[[noreturn]] void be_child(const Launch& launch, const Prepared& prepared) {
    const auto give_up = [&] {
        const int error = errno;
        static_cast<void>(!::write(prepared.failed, &error, sizeof error));
        ::_exit(kNotStarted);
    };
    // The parent may have died before this call; then nobody would signal us.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != prepared.parent) ::_exit(kNotStarted);
    ::setpgid(0, 0);
    if (launch.own_network && ::unshare(CLONE_NEWNET) != 0) give_up();
    if (launch.network_of != 0) {
        const int fd = ::open(prepared.network.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) give_up();
    }
    if (!launch.cpus.empty()) ::sched_setaffinity(0, sizeof prepared.cpus, &prepared.cpus);
    ::dup2(prepared.in, STDIN_FILENO);
    ::dup2(prepared.out, STDOUT_FILENO);
    ::dup2(prepared.log, STDERR_FILENO);
    ::execv(prepared.program.c_str(), prepared.argv.data());
    give_up();
    ::_exit(kNotStarted);
}

}  // namespace

Process::Process(const Launch& launch) { fork_and_execute(launch); }

Process::Process(const std::string& program, const std::vector<std::string>& arguments)
    : Process(Launch{program, arguments}) {}

Result<std::unique_ptr<Process>> Process::start(const Launch& launch) {
    std::unique_ptr<Process> process{new Process(launch)};
    if (!process->failed_.empty()) return failure(process->failed_);
    return process;
}

void Process::fork_and_execute(const Launch& launch) {
    const auto fail = [&](const std::string& why) {
        failed_ = why;
        code_ = kNotStarted;
    };
    // A socket, so that a program which is gone is an error and no SIGPIPE.
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    std::array<int, 2> failed{-1, -1};
    log_ = ::memfd_create("stderr", MFD_CLOEXEC);
    const bool input = launch.input ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) == 0
                                    : (in[1] = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
    if (log_ < 0 || !input || ::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(failed.data(), O_CLOEXEC) != 0)
        return fail(std::string("no pipe: ") + std::strerror(errno));
    in_ = in[0];
    out_ = out[0];
    ::fcntl(out_, F_SETFL, O_NONBLOCK);
    ::fcntl(out_, F_SETPIPE_SZ, kPipeBytes);

    const bool named = launch.program.find('/') == std::string::npos;
    Prepared prepared{named ? find_program(launch.program) : launch.program,
                      "/proc/" + std::to_string(launch.network_of) + "/ns/net",
                      {},
                      {},
                      ::getpid(),
                      in[1],
                      out[1],
                      log_,
                      failed[1]};
    CPU_ZERO(&prepared.cpus);
    for (const int cpu : launch.cpus) CPU_SET(static_cast<std::size_t>(cpu), &prepared.cpus);
    prepared.argv.push_back(const_cast<char*>(launch.program.c_str()));
    for (const std::string& word : launch.arguments) prepared.argv.push_back(const_cast<char*>(word.c_str()));
    prepared.argv.push_back(nullptr);

    pid_ = ::fork();
    if (pid_ == 0) be_child(launch, prepared);
    int error = errno;
    ::close(in[1]);
    ::close(out[1]);
    ::close(failed[1]);
    ssize_t size = pid_ < 0 ? static_cast<ssize_t>(sizeof error) : 0;
    while (pid_ > 0 && (size = ::read(failed[0], &error, sizeof error)) < 0 && errno == EINTR) {
    }
    ::close(failed[0]);
    if (size != sizeof error) return;
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    fail("'" + launch.program + "': " + std::strerror(error));
}

Process::~Process() {
    if (!code_) {
        ::kill(-pid_, SIGKILL);
        ::kill(pid_, SIGKILL);  // where the end came before its setpgid()
        ::waitpid(pid_, nullptr, 0);
    }
    if (in_ >= 0) ::close(in_);
    if (out_ >= 0) ::close(out_);
    if (log_ >= 0) ::close(log_);
}

void Process::signal(int number) const {
    if (!code_) ::kill(pid_, number);
}

void Process::tell(const std::string& line) const {
    const std::string text = line + '\n';
    if (in_ >= 0) static_cast<void>(::send(in_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

/// The rest of its group goes first: until the leader is waited for, the group's number is nobody else's.
bool Process::reap() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != pid_)
        return false;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pump();
    return true;
}

std::optional<int> Process::wait_exit(milliseconds patience) {
    const auto end = Clock::now() + patience;
    while (!code_) {
        pump();
        if (reap()) break;
        if (Clock::now() >= end) return std::nullopt;
        ::poll(nullptr, 0, static_cast<int>(kTick.count()));
    }
    return code_;
}

void Process::pump() {
    std::array<char, 65536> buffer;
    while (out_ >= 0) {
        const ssize_t size = ::read(out_, buffer.data(), buffer.size());
        if (size > 0) {
            text_.append(buffer.data(), static_cast<std::size_t>(size));
        } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else {
            ::close(out_);
            out_ = -1;
        }
    }
    for (std::size_t end; (end = text_.find('\n', parsed_)) != std::string::npos; parsed_ = end + 1) {
        Json line = Json::parse(std::string_view(text_).substr(parsed_, end - parsed_));
        if (!line.is_discarded()) events_.push_back(std::move(line));
    }
}

std::vector<Json> Process::take() {
    pump();
    text_.erase(0, parsed_);
    parsed_ = 0;
    return std::exchange(events_, {});
}

bool Process::wait_for(const std::function<bool()>& predicate, milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        const bool alive = running();
        pump();
        if (predicate()) return true;
        if (!alive || Clock::now() >= end) return false;
        wait_readable({this}, kTick);
    }
}

std::string Process::log() const {
    std::string text = failed_;
    std::array<char, 4096> buffer;
    for (off_t at = 0;;) {
        const ssize_t size = ::pread(log_, buffer.data(), buffer.size(), at);
        if (size <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(size));
        at += size;
    }
}

void wait_readable(const std::vector<Process*>& processes, milliseconds patience) {
    std::vector<pollfd> fds;
    for (const Process* process : processes) {
        if (process->fd() >= 0) fds.push_back({process->fd(), POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
}

Finished run(const Launch& launch, milliseconds patience) {
    const auto process = Process::start(launch);
    if (!process) return {kNotStarted, {}, process.error()};
    const int code = (*process)->wait_exit(patience).value_or(-1);
    return {code, (*process)->text(), (*process)->log()};
}

Result<std::string> run_successfully(const Launch& launch) {
    Finished finished = run(launch);
    if (finished.code == 0) return std::move(finished.out);
    const auto begin = finished.err.find_first_not_of('\n');
    const std::string line = begin == std::string::npos
                                 ? "code " + std::to_string(finished.code)
                                 : finished.err.substr(begin, finished.err.find('\n', begin) - begin);
    return failure("'" + launch.program + "': " + line);
}

Result<TemporaryFolder> TemporaryFolder::create(const std::string& prefix,
                                                const std::filesystem::path& parent) {
    std::string pattern = (parent / (prefix + "-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) return failure("'" + pattern + "': " + std::strerror(errno));
    return TemporaryFolder{std::filesystem::path{pattern}};
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string candidate = folder.append("/").append(name);
        if (candidate.size() > name.size() + 1 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

std::string beside_this_program(const std::string& name) {
    std::error_code ignored;
    return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

bool is(const Json& event, const char* name) { return event["event"] == name; }

const Json* find(const Process& process, const char* name, const std::function<bool(const Json&)>& where) {
    for (const Json& event : process.events()) {
        if (is(event, name) && where(event)) return &event;
    }
    return nullptr;
}

}  // namespace berkeley::harness
