// Crowd: the slaves' ends of `berkeley-bench scale`: N members with a DEALER and a SUB each, all in
// one process and served by one loop.
//
// As many processes would measure the scheduler of this one machine; real slaves have machines of
// their own. Both lanes run this same loop and the product's socket options, so that the product is
// what they differ by. Sleeps on the sockets' descriptors (ZMQ_FD), which tell of news and not of
// messages: each socket is read until it is empty whenever it has news or was sent on. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/zmq_socket.hpp"
#include "os/file_descriptor.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

class Crowd {
public:
    enum class Side : std::uint8_t { dealer, subscriber };

    explicit Crowd(std::size_t size);
    virtual ~Crowd() = default;
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    /// Returns only where epoll fails.
    void run();

    void connect(std::size_t member, std::string_view url);
    void subscribe(std::size_t member, std::string_view url, const std::string& own_topic);
    /// False: not connected yet.
    bool send(std::size_t member, std::span<const std::byte> payload);
    const OsClock& clock() const { return clock_; }

protected:
    struct Arrival {
        std::size_t member;
        Side side;
        std::string_view topic;  ///< of what came over the SUB
        std::span<const std::byte> payload;
        RawTime at;
    };
    /// Its time to connect: they come a few at a time, as they all share the one thread that shakes
    /// hands for them.
    virtual void begin(std::size_t member) = 0;
    virtual void on_message(const Arrival& arrival) = 0;
    /// For those that have begun. Returns when it wants to be called again.
    virtual RawTime on_timer(RawTime now) = 0;

    /// Counts who has a round's correction, and prints when the last of all has it.
    void count_correction(std::uint64_t round, RawTime at);

    std::size_t size() const { return sockets_.size() / 2; }
    std::size_t begun() const { return begun_; }

private:
    static std::size_t index_of(std::size_t member, Side side) {
        return 2 * member + (side == Side::dealer ? 0 : 1);
    }
    void watch(std::size_t index);
    void unwatch(std::size_t index);
    void drain(std::size_t index);
    RawTime begin_some(RawTime now);

    OsClock clock_;
    zmq::context_t context_{1};
    std::vector<Socket> sockets_;
    std::vector<std::size_t> touched_;  ///< sent on outside of drain()
    bool draining_ = false;
    std::size_t begun_ = 0;
    std::uint64_t round_ = 0;
    std::size_t corrected_ = 0;
    FileDescriptor epoll_;
};

/// The name of a member, in either lane: topics are made of it.
std::string member_name(std::size_t index);

}  // namespace berkeley::bench
