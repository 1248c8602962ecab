#include "ctl/clock_timing.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/duration_text.hpp"
#include "berkeley/clock.hpp"
#include "ctl/clock_pages.hpp"
#include "ctl/time_text.hpp"

namespace berkeley::ctl {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr Duration kLookEvery = milliseconds{20};
constexpr Duration kProgressEvery = milliseconds{200};
/// A sleeper wakes some 50 us late, so the rest is spent looking at the clock.
constexpr Duration kAwake = milliseconds{1};
constexpr std::size_t kPagesNamed = 4;

/// Plain files below a folder, `depth` levels down.
void find_pages(const fs::path& folder, int depth, std::vector<std::string>& found) {
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
        std::error_code ignored;
        if (depth > 1 && i->is_directory(ignored)) find_pages(i->path(), depth - 1, found);
        if (depth == 1 && i->is_regular_file(ignored)) found.push_back(i->path().string());
    }
}

/// What a page says, or why it says nothing.
struct Look {
    int error = BERKELEY_CLOCK_OK;
    std::string path;
    std::string text;
    bool synchronized = false;
    Duration bound{0};
};

Look look_at(const std::optional<std::string>& page) {
    Look look;
    const auto path = page ? Result<std::string>{*page} : only_page();
    if (!path) {
        look.error = BERKELEY_CLOCK_ERR_NOT_FOUND;
        look.text = path.error();
        return look;
    }
    look.path = *path;
    try {
        const ClockInterval reading = SharedClock(*path).now();
        look.synchronized = reading.synchronized();
        look.bound = Duration{half_width_ns(reading)};
        look.text =
            fmt::format("{}: {}, bound {}", *path, status_text(reading.status), bound_text(look.bound));
    } catch (const ClockError& error) {
        look.error = error.code();
        look.text = *path + ": " + berkeley_clock_strerror(error.code());
    }
    return look;
}

void show(const std::string& text) {
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
}

/// Whether a shell would find that command; 0, 126 or 127.
int findable(const std::string& name) {
    const auto runnable = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
    if (name.find('/') != std::string::npos) {
        if (runnable(name)) return 0;
        return fs::exists(name) ? 126 : 127;
    }
    const char* variable = std::getenv("PATH");
    std::string path = variable == nullptr ? "/usr/bin:/bin" : variable;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find(':', start), path.size());
        const std::string folder = end == start ? "." : path.substr(start, end - start);
        if (runnable(folder + "/" + name)) return 0;
        start = end + 1;
    }
    return 127;
}

RunFailure become(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments.front(), arguments.data());
    const int error = errno;
    return {error == ENOENT ? 127 : 126, command.front() + ": " + std::strerror(error)};
}

}  // namespace

Result<std::string> only_page() {
    std::vector<std::string> found;
    find_pages("/dev/shm/berkeley", 2, found);
    find_pages("/run/berkeley", 2, found);
    if (found.size() == 1) return found.front();
    if (found.empty()) return failure("no clock page in /dev/shm/berkeley or /run/berkeley: name the PAGE");
    std::sort(found.begin(), found.end());
    std::string names;
    for (std::size_t i = 0; i < std::min(found.size(), kPagesNamed); ++i) names += " " + found[i];
    return failure("this machine has several clock pages: name the PAGE, one of" + names);
}

Result<std::string> wait_for_clock(const WaitQuery& query) {
    const auto end = SteadyClock::now() + query.timeout;
    auto shown = SteadyClock::now() - kProgressEvery;
    for (;;) {
        const Look look = look_at(query.page);
        const auto now = SteadyClock::now();
        const bool done = look.synchronized && (query.bound == Duration{0} || look.bound <= query.bound);
        // No node can mend this one.
        const bool hopeless = look.error == BERKELEY_CLOCK_ERR_TIME_NAMESPACE;
        if (query.progress && (done || hopeless || now >= end)) show("");
        if (done) return look.text;
        if (hopeless) return failure(look.text);
        if (now >= end) {
            const std::string wanted =
                query.bound == Duration{0} ? "SYNCHRONIZED" : "within " + duration_literal(query.bound);
            return failure(
                fmt::format("{}: not {} after {}", look.text, wanted, duration_literal(query.timeout)));
        }
        if (query.progress && now - shown >= kProgressEvery) {
            shown = now;
            show("waiting: " + look.text);
        }
        std::this_thread::sleep_for(std::min<SteadyClock::duration>(kLookEvery, end - now));
    }
}

Result<ClusterTime> parse_instant(const std::string& text, ClusterTime now) {
    const std::string allowed = "'" + text + "' is no instant: +2s or 2026-12-01T12:00:00Z are allowed";
    if (text.starts_with('+')) {
        const auto after = parse_duration(text, {Duration{0}, std::chrono::hours{24 * 365}});
        if (!after) return failure(after.error());
        return now + *after;
    }
    tm calendar{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &calendar);
    if (rest == nullptr) return failure(allowed);
    Duration fraction{0};
    if (*rest == '.') {
        const std::string digits(rest + 1, std::strspn(rest + 1, "0123456789"));
        if (digits.empty() || digits.size() > 9) return failure(allowed);
        fraction = Duration{std::stoll((digits + "000000000").substr(0, 9))};
        rest += 1 + digits.size();
    }
    if (std::strcmp(rest, "Z") != 0) return failure(allowed);
    const ClusterTime instant{std::chrono::seconds{::timegm(&calendar)} + fraction};
    if (!is_sane(instant)) return failure("'" + text + "' is not allowed: the years 1970 to 2116 are");
    return instant;
}

RunFailure run_at(const RunQuery& query) {
    if (const int code = findable(query.command.front()); code != 0) {
        return {code, query.command.front() + (code == 127 ? ": no such command" : ": cannot be executed")};
    }
    const auto path = query.page ? Result<std::string>{*query.page} : only_page();
    if (!path) return {1, path.error()};
    try {
        const SharedClock clock(*path);
        const auto holdover = query.allow_holdover ? Holdover::allowed : Holdover::refused;
        const ClusterTime now{clock.now().now()};
        const auto instant = parse_instant(query.at, now);
        if (!instant) return {2, "--at: " + instant.error()};
        if (*instant < now) {
            return {1, "--at: that was " + duration_text(now - *instant) + " ago by " + *path};
        }
        const Duration at = instant->time_since_epoch();
        clock.sleep_until(at - kAwake, holdover);
        while (clock.now().now() < at) {
        }
        // The clock must not have been lost meanwhile.
        clock.sleep_until(at, holdover);
        return become(query.command);
    } catch (const ClockError& error) {
        return {1, *path + ": " + berkeley_clock_strerror(error.code())};
    }
}

}  // namespace berkeley::ctl
