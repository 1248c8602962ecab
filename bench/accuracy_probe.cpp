#include "bench/accuracy_probe.hpp"

#include <zmq.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/prng.hpp"
#include "bench/path.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

struct CloseContext {
    void operator()(void* context) const { zmq_ctx_term(context); }
};
struct CloseSocket {
    void operator()(void* socket) const { zmq_close(socket); }
};
using Context = std::unique_ptr<void, CloseContext>;
using Socket = std::unique_ptr<void, CloseSocket>;

/// Both directions; the stamps are the peer's and are not used on the way there.
struct Stamps {
    std::uint64_t number = 0;
    std::int64_t t2_ns = 0;
    std::int64_t t3_ns = 0;
};

Socket make_socket(void* context, int type) {
    Socket socket{zmq_socket(context, type)};
    const int linger = 0;
    if (socket) zmq_setsockopt(socket.get(), ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

class TcpSinglePoller final : public SinglePoller {
public:
    TcpSinglePoller(Duration interval, std::uint64_t seed) : interval_(interval), prng_(seed) {}

    ~TcpSinglePoller() override {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        stopped_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    Result<void> open(PeerProcess& peer) {
        context_.reset(zmq_ctx_new());
        router_ = make_socket(context_.get(), ZMQ_ROUTER);
        std::array<char, 256> bound{};
        std::size_t size = bound.size();
        if (!router_ || zmq_bind(router_.get(), "tcp://127.0.0.1:*") != 0 ||
            zmq_getsockopt(router_.get(), ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
            return failure(std::string("the single poller: ") + zmq_strerror(errno));
        }
        if (const auto told = peer.tell(bound.data()); !told) return told;
        Stamps greeting;
        if (!receive(greeting, kConnectTimeout)) return failure("the single poller's peer did not answer");
        thread_ = std::thread([this] { run(); });
        return {};
    }

    std::vector<SingleProbe> take() override {
        const std::lock_guard lock(mutex_);
        return std::exchange(probes_, {});
    }

private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            const auto pause = std::chrono::duration_cast<Duration>(interval_ * prng_.uniform(0.5, 1.5));
            if (stopped_.wait_for(lock, pause, [this] { return stop_; })) return;
            lock.unlock();
            const auto probe = this->probe();
            lock.lock();
            if (probe) probes_.push_back(*probe);
        }
    }

    std::optional<SingleProbe> probe() {
        Stamps stamps{++number_};
        const TrueTime t1 = true_now();
        if (zmq_send(router_.get(), identity_.data(), identity_size_, ZMQ_SNDMORE) < 0 ||
            zmq_send(router_.get(), &stamps, sizeof stamps, 0) < 0) {
            return std::nullopt;
        }
        // An answer that came too late for its own probe is passed over.
        while (const auto t4 = receive(stamps, kProbeTimeout)) {
            if (stamps.number != number_) continue;
            return SingleProbe{from_ns<TrueTime>(stamps.t2_ns) - t1, *t4 - from_ns<TrueTime>(stamps.t3_ns)};
        }
        return std::nullopt;
    }

    /// When the message was there.
    std::optional<TrueTime> receive(Stamps& stamps, Duration patience) {
        const TrueTime deadline = true_now() + patience;
        for (TrueTime now = true_now(); now < deadline; now = true_now()) {
            zmq_pollitem_t item{router_.get(), 0, ZMQ_POLLIN, 0};
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
            if (zmq_poll(&item, 1, left.count()) <= 0) continue;
            const TrueTime at = true_now();
            const int size = zmq_recv(router_.get(), identity_.data(), identity_.size(), ZMQ_DONTWAIT);
            if (size < 0) continue;
            identity_size_ = static_cast<std::size_t>(size);
            if (zmq_recv(router_.get(), &stamps, sizeof stamps, ZMQ_DONTWAIT) == sizeof stamps) return at;
        }
        return std::nullopt;
    }

    Duration interval_;
    Prng prng_;
    Context context_;
    Socket router_;
    std::array<unsigned char, 256> identity_{};
    std::size_t identity_size_ = 0;
    std::uint64_t number_ = 0;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::vector<SingleProbe> probes_;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<SinglePoller>> SinglePoller::start(PeerProcess& peer, Duration interval,
                                                          std::uint64_t seed) {
    auto poller = std::make_unique<TcpSinglePoller>(interval, seed);
    if (const auto opened = poller->open(peer); !opened) return failure(opened.error());
    return poller;
}

void run_cristian_process(const std::string& endpoint) {
    const Context context{zmq_ctx_new()};
    const Socket dealer = make_socket(context.get(), ZMQ_DEALER);
    Stamps stamps;
    if (!dealer || zmq_connect(dealer.get(), endpoint.c_str()) != 0) return;
    zmq_send(dealer.get(), &stamps, sizeof stamps, 0);
    for (;;) {
        zmq_pollitem_t item{dealer.get(), 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, -1) < 0 && errno != EINTR) return;
        const TrueTime t2 = true_now();
        if (zmq_recv(dealer.get(), &stamps, sizeof stamps, ZMQ_DONTWAIT) != sizeof stamps) continue;
        stamps.t2_ns = to_ns(t2);
        stamps.t3_ns = to_ns(true_now());
        zmq_send(dealer.get(), &stamps, sizeof stamps, 0);
    }
}

}  // namespace berkeley::bench
