#include "bench/accuracy_probe.hpp"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/prng.hpp"
#include "bench/bare_zmq.hpp"
#include "bench/path.hpp"
#include "bench/peer.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

/// Both directions; the stamps are the peer's and are not used on the way there.
struct Stamps {
    std::uint64_t number = 0;
    std::int64_t t2_ns = 0;
    std::int64_t t3_ns = 0;

    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(this, 1)); }
    static std::optional<Stamps> from(std::span<const std::byte> bytes) {
        Stamps stamps;
        if (bytes.size() != sizeof stamps) return std::nullopt;
        std::memcpy(&stamps, bytes.data(), sizeof stamps);
        return stamps;
    }
};

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

    Result<void> open() {
        const auto url = router_.bind("tcp://127.0.0.1:0");
        if (!url) return failure("the single poller: " + url.error());
        auto peer = start_peer("cristian", {url->str()}, End::anywhere);
        if (!peer) return failure(peer.error());
        peer_ = std::move(*peer);
        if (!router_.await_greeting(kConnectTimeout))
            return failure("the single poller's peer did not answer");
        route_ = router_.route();
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
        const Stamps request{++number_};
        const TrueTime t1 = true_now();
        if (!router_.send(route_, request.bytes())) return std::nullopt;
        // An answer that came too late for its own probe is passed over.
        while (router_.receive(kProbeTimeout)) {
            const auto stamps = Stamps::from(router_.payload());
            if (!stamps || stamps->number != number_) continue;
            return SingleProbe{from_ns<TrueTime>(stamps->t2_ns) - t1,
                               router_.received_at() - from_ns<TrueTime>(stamps->t3_ns)};
        }
        return std::nullopt;
    }

    Duration interval_;
    Prng prng_;
    BareRouter router_;
    Bytes route_;
    Peer peer_;
    std::uint64_t number_ = 0;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::vector<SingleProbe> probes_;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<SinglePoller>> start_single_poller(Duration interval, std::uint64_t seed) {
    auto poller = std::make_unique<TcpSinglePoller>(interval, seed);
    if (const auto opened = poller->open(); !opened) return failure(opened.error());
    return poller;
}

int run_cristian_peer(const Words& words) {
    zmq::context_t context{1};
    Stamps stamps;
    serve(context, words.at(0), [&stamps](std::span<const std::byte> request, TrueTime at) {
        stamps = Stamps::from(request).value_or(Stamps{});
        stamps.t2_ns = to_ns(at);
        stamps.t3_ns = to_ns(true_now());
        return stamps.bytes();
    });
    return 1;
}

}  // namespace berkeley::bench
