#include "log/log_stream.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <climits>
#include <utility>

namespace berkeley {

bool LogStream::append(std::string line) {
    line += '\n';
    const std::lock_guard lock(mutex_);
    if (end_ != 0) return true;
    if (lost_ > 0 || bytes_ + line.size() > bytes_max_) return lost_++ > 0;
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    return true;
}

std::uint64_t LogStream::take_lost() {
    const std::lock_guard lock(mutex_);
    return bytes_ <= bytes_max_ / 2 ? std::exchange(lost_, 0) : 0;
}

bool LogStream::claim() {
    const std::lock_guard lock(mutex_);
    return !lines_.empty() && !std::exchange(claimed_, true);
}

void LogStream::release() {
    const std::lock_guard lock(mutex_);
    claimed_ = false;
}

void LogStream::drain(Duration patience) {
    std::unique_lock lock(mutex_);
    assert(claimed_);
    int error = 0;
    while (error == 0 && !lines_.empty()) {
        // Only the drainer takes lines away, so this one stays where it is.
        const std::string& line = lines_.front();
        lock.unlock();
        error = write_front(line, patience);
        lock.lock();
        if (error == 0) {
            bytes_ -= line.size();
            lines_.pop_front();
        } else if (error == EPIPE || error == EBADF) {
            end_ = error;
            lines_.clear();
            bytes_ = 0;
            lost_ = 0;
        }
    }
    claimed_ = false;
    drained_.notify_all();
}

/// 0, or why the rest of the line has to wait.
int LogStream::write_front(const std::string& line, Duration patience) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience);
    while (written_ < line.size()) {
        // A pipe that polls as writable takes PIPE_BUF bytes without blocking.
        pollfd item{fd_, POLLOUT, 0};
        const int ready = ::poll(&item, 1, static_cast<int>(wait.count()));
        if (ready == 0) return ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return errno;
        if (ready < 0) continue;
        const std::size_t size = std::min<std::size_t>(line.size() - written_, PIPE_BUF);
        const ssize_t done = ::write(fd_, line.data() + written_, size);
        if (done < 0 && errno != EINTR) return errno;
        written_ += done > 0 ? static_cast<std::size_t>(done) : 0;
    }
    written_ = 0;
    return 0;
}

void LogStream::settle(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    drained_.wait_until(lock, deadline, [this] { return lines_.empty(); });
}

int LogStream::take_end() {
    const std::lock_guard lock(mutex_);
    return end_ != 0 && !std::exchange(end_told_, true) ? end_ : 0;
}

void write_line(int fd, std::string line, Duration patience) {
    LogStream stream(fd, line.size() + 1);
    if (stream.append(std::move(line)) && stream.claim()) stream.drain(patience);
}

}  // namespace berkeley
