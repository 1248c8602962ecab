// Worker: does for a node's loop what may have to wait for somebody else: a name server, a disk, a reader of
// the log.
//
// A job runs on a thread of the worker and touches nothing of the node; what it returns runs on the loop, in
// finish(). Each kind of wait has a worker of its own, so that a dead name server holds up no log line.
// Invariants: at most `jobs_max` jobs wait; submit() never blocks; the destructor waits for no job. A job
// that hangs keeps its thread until the process ends, and whatever it returns is thrown away. submit(),
// finish() and the destructor: the loop's thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/time.hpp"
#include "os/doorbell.hpp"

namespace berkeley {

class Worker {
public:
    using Finish = std::function<void()>;
    using Job = std::function<Finish()>;

    struct Options {
        std::size_t threads = 1;
        std::size_t jobs_max = 64;
    };

    /// `doorbell` is rung whenever finish() has something to do. Signals are blocked in the threads.
    Worker(std::shared_ptr<const Doorbell> doorbell, const Options& options);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// False: `jobs_max` wait already. The job must own all that it uses.
    [[nodiscard]] bool submit(Job job);

    /// Runs what finished jobs have returned.
    void finish();

    /// Waits until no job waits or runs, for `patience` at most; false where some still do.
    bool settle(Duration patience);

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace berkeley
