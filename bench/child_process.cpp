#include "bench/child_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace berkeley::bench {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto kEndPatience = std::chrono::seconds{3};
constexpr auto kEndCheck = std::chrono::milliseconds{5};

/// All that the child needs, made before the fork: after it, in a process with threads, only calls that are
/// async-signal-safe are allowed.
struct Prepared {
    std::vector<char*> argv;
    std::string network;
    pid_t parent;
    int failed;  ///< closed by a successful exec; else carries errno
};

void redirect(const std::string& path, int flags, int to) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd >= 0) ::dup2(fd, to);
}

[[noreturn]] void be_child(const Launch& launch, const Prepared& prepared) {
    const auto give_up = [&] {
        const int error = errno;
        static_cast<void>(!::write(prepared.failed, &error, sizeof error));
        ::_exit(127);
    };
    // Whatever ends the parent ends us; it may have ended before we could ask for that.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != prepared.parent) ::_exit(127);
    if (launch.own_network && ::unshare(CLONE_NEWNET) != 0) give_up();
    if (launch.network_of != 0) {
        const int fd = ::open(prepared.network.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) give_up();
    }
    redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    redirect(launch.out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect(launch.err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    ::execv(launch.program.c_str(), prepared.argv.data());
    give_up();
    ::_exit(127);
}

/// Empty lines before it do not count.
std::string first_line(const std::string& text) {
    const auto begin = text.find_first_not_of('\n');
    return begin == std::string::npos ? "it said nothing"
                                      : text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const Launch& launch) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure(std::string("pipe: ") + std::strerror(errno));
    Prepared prepared{{}, "/proc/" + std::to_string(launch.network_of) + "/ns/net", ::getpid(), ends[1]};
    prepared.argv.push_back(const_cast<char*>(launch.program.c_str()));
    for (const std::string& word : launch.arguments) prepared.argv.push_back(const_cast<char*>(word.c_str()));
    prepared.argv.push_back(nullptr);

    const pid_t pid = ::fork();
    if (pid == 0) be_child(launch, prepared);
    int error = errno;
    ::close(ends[1]);
    if (pid < 0) {
        ::close(ends[0]);
        return failure(std::string("fork: ") + std::strerror(error));
    }
    ssize_t size = 0;
    while ((size = ::read(ends[0], &error, sizeof error)) < 0 && errno == EINTR) {
    }
    ::close(ends[0]);
    ChildProcess child{pid};
    if (size == sizeof error) return failure("'" + launch.program + "': " + std::strerror(error));
    return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(other.code_) {}

bool ChildProcess::reap(int options) {
    if (pid_ <= 0) return true;
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, options);
    if (got == 0 || (got < 0 && errno == EINTR)) return false;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    return true;
}

ChildProcess::~ChildProcess() {
    ask_to_end();
    const auto deadline = SteadyClock::now() + kEndPatience;
    while (!reap(WNOHANG)) {
        if (SteadyClock::now() >= deadline) {
            ::kill(pid_, SIGKILL);
            wait();
            return;
        }
        std::this_thread::sleep_for(kEndCheck);
    }
}

bool ChildProcess::running() { return !reap(WNOHANG); }

void ChildProcess::ask_to_end() const {
    if (pid_ > 0) ::kill(pid_, SIGTERM);
}

int ChildProcess::wait() {
    while (!reap(0)) {
    }
    return code_;
}

Result<std::string> run_program(const std::string& folder, Launch launch) {
    launch.out = folder + "/out";
    launch.err = folder + "/err";
    auto child = ChildProcess::start(launch);
    if (!child) return failure(child.error());
    if (child->wait() != 0) return failure("'" + launch.program + "': " + first_line(read_file(launch.err)));
    return read_file(launch.out);
}

Result<TemporaryFolder> TemporaryFolder::create() {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    if (error) return failure("no folder for temporary files: " + error.message());
    std::string pattern = (parent / "berkeley-bench.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        return failure("'" + pattern + "': " + std::strerror(errno));
    }
    return TemporaryFolder{std::move(pattern)};
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        std::string candidate = folder;
        candidate.append("/").append(name);
        if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

}  // namespace berkeley::bench
