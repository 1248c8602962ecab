#include "node/worker.hpp"

#include <csignal>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace berkeley {

/// Owned by the worker and by each of its threads, so that a thread that hangs outlives the worker safely.
struct Worker::Shared {
    explicit Shared(std::shared_ptr<const Doorbell> bell, const Options& given)
        : doorbell(std::move(bell)), options(given) {}

    const std::shared_ptr<const Doorbell> doorbell;
    const Options options;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    std::vector<Finish> finished;
    std::size_t running = 0;
    bool ended = false;

    void run() {
        std::unique_lock lock(mutex);
        for (;;) {
            changed.wait(lock, [this] { return ended || !jobs.empty(); });
            if (ended) return;
            Job job = std::move(jobs.front());
            jobs.pop_front();
            ++running;
            lock.unlock();
            Finish done = job();
            job = nullptr;  // what it owns goes here, not under the lock
            lock.lock();
            --running;
            changed.notify_all();
            if (!done || ended) continue;
            finished.push_back(std::move(done));
            doorbell->ring();
        }
    }
};

Worker::Worker(std::shared_ptr<const Doorbell> doorbell, const Options& options)
    : shared_(std::make_shared<Shared>(std::move(doorbell), options)) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::size_t i = 0; i < options.threads; ++i) {
        std::thread([shared = shared_] { shared->run(); }).detach();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
    const std::lock_guard lock(shared_->mutex);
    shared_->ended = true;
    shared_->jobs.clear();
    shared_->finished.clear();
    shared_->changed.notify_all();
}

bool Worker::submit(Job job) {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->jobs.size() >= shared_->options.jobs_max) return false;
    shared_->jobs.push_back(std::move(job));
    shared_->changed.notify_all();
    return true;
}

void Worker::finish() {
    std::vector<Finish> finished;
    {
        const std::lock_guard lock(shared_->mutex);
        finished.swap(shared_->finished);
    }
    for (const Finish& done : finished) done();
}

bool Worker::settle(Duration patience) {
    std::unique_lock lock(shared_->mutex);
    return shared_->changed.wait_for(lock, patience,
                                     [this] { return shared_->jobs.empty() && shared_->running == 0; });
}

}  // namespace berkeley
