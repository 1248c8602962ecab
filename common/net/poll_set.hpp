// PollSet: what a node's loop sleeps on: the descriptors of its sockets, a timer, signals, a doorbell and
// what witnesses jumps of time.
//
// epoll and not poll(2), which looks at every descriptor before and after it sleeps: a master has three times
// as many as a slave, and the difference would be measured as an asymmetry of the path. Not thread-safe.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/raw_source.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "os/doorbell.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {

class PollSet {
public:
    struct News {
        std::optional<int> signal;
        bool rung = false;         ///< the doorbell
        bool woken = false;        ///< by the witnesses' descriptor, which its owner has to drain
        bool interrupted = false;  ///< by a signal that is not ours (a debugger, SIGCONT)
    };

    /// Blocks SIGINT, SIGTERM and SIGHUP where signals are handled: requires that no other thread runs yet.
    /// `doorbell` may be null, and `witnesses` -1.
    [[nodiscard]] Result<void> open(const RawSource& clock, bool handle_signals,
                                    std::shared_ptr<const Doorbell> doorbell, int witnesses = -1);
    void close() { epoll_.reset(); }

    /// Forgets all descriptors. libzmq closes the descriptor of a closed socket in its own time, so they do
    /// not leave by themselves.
    void clear();
    /// Watches the n-th descriptor of our sockets. False: the kernel is out of memory; try again later.
    [[nodiscard]] bool add(int descriptor, std::size_t n);
    /// The same for the timer, the signals and the doorbell.
    [[nodiscard]] bool add_own();

    /// Sets the timer. False: the deadline has passed.
    [[nodiscard]] bool arm(RawTime deadline);
    /// Sleeps until a descriptor has news, or not at all; calls `readable` with the number of each that has.
    template <class Readable>
    News sleep(bool may_sleep, Readable readable) {
        News news;
        const int count = wait(may_sleep);
        news.interrupted = count < 0;
        for (int i = 0; i < count; ++i) {
            const std::size_t item = ready_[static_cast<std::size_t>(i)].data.u64;
            if (item >= kFirstSocket) {
                readable(item - kFirstSocket);
            } else {
                take(item, news);
            }
        }
        return news;
    }
    std::optional<int> take_signal() const;

private:
    static constexpr std::size_t kTimer = 0;
    static constexpr std::size_t kSignals = 1;
    static constexpr std::size_t kDoorbell = 2;
    static constexpr std::size_t kWitnesses = 3;
    static constexpr std::size_t kFirstSocket = 4;

    bool watch(int descriptor, std::size_t item);
    int wait(bool may_sleep);
    void take(std::size_t item, News& news);

    RawSource clock_;
    FileDescriptor epoll_;
    FileDescriptor timer_;
    FileDescriptor signals_;
    std::shared_ptr<const Doorbell> doorbell_;
    int witnesses_ = -1;
    std::vector<int> watched_;
    std::vector<epoll_event> ready_;  ///< as many
    std::optional<RawTime> armed_;    ///< when the timer fires; it has not yet
};

}  // namespace berkeley
