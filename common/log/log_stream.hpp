// LogStream: one stream that a user reads, behind a bounded queue.
//
// append() takes a line and never waits; drain() writes, and may wait for the reader. A line of up to
// PIPE_BUF bytes is one write(2), so that processes that share a stream tear none of each other's lines. A
// full queue loses whole lines until it is half empty, so that all lost lines are one gap; take_lost() counts
// them. A stream that is closed, or whose reader is gone, swallows every line. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "base/time.hpp"

namespace berkeley {

class LogStream {
public:
    LogStream(int fd, std::size_t bytes_max) : fd_(fd), bytes_max_(bytes_max) {}

    /// Queues one line, given without its end. False where it is the first of a gap.
    [[nodiscard]] bool append(std::string line);

    /// The size of a gap that is over: to be told before the next line is appended. 0 where there is none.
    std::uint64_t take_lost();

    /// True where lines wait and nobody writes them: the caller must have drain() called.
    [[nodiscard]] bool claim();

    /// Undoes a claim.
    void release();

    /// Writes until no line waits or the stream has taken nothing for `patience`, and releases the claim.
    /// Requires: a claim.
    void drain(Duration patience);

    /// Waits until no line waits.
    void settle(std::chrono::steady_clock::time_point deadline);

    /// The errno with which the stream ended, once; 0 where it has not.
    int take_end();

private:
    int write_front(const std::string& line, Duration patience);

    const int fd_;
    const std::size_t bytes_max_;
    std::mutex mutex_;
    std::condition_variable drained_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    std::size_t written_ = 0;  ///< of the first line; the drainer's alone
    std::uint64_t lost_ = 0;
    bool claimed_ = false;
    int end_ = 0;
    bool end_told_ = false;
};

/// Writes one line to a stream that has no queue, waiting at most `patience` for a reader that takes nothing.
void write_line(int fd, std::string line, Duration patience);

}  // namespace berkeley
