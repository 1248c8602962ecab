#include <string>
#include <vector>

#include "bench/bare_zmq.hpp"
#include "bench/crowd.hpp"
#include "bench/interrupt_guard.hpp"
#include "bench/peer.hpp"
#include "bench/scale_lanes.hpp"
#include "os/os_clock.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

constexpr Duration kPatience = std::chrono::seconds{2};

/// Of a message as it is in the middle of a long run.
Bytes as_long_as(Body body) {
    Encoded encoded;
    encode({{bench_cluster(), node_id("bench-master"), 1}, std::move(body)}, encoded);
    return std::move(encoded.bytes);
}

Bytes correction_bytes(const NodeId& target) {
    Correction correction;
    correction.round = 1000;
    correction.target = target;
    correction.generation = ~std::uint64_t{0};
    correction.basis_term = 1;
    correction.basis_round = 999;
    correction.measured_at = RawTime{std::chrono::hours{1000}};
    correction.correction = Duration{-3'100};
    correction.freq_ppb = -12;
    correction.bound = std::chrono::microseconds{84};
    correction.drift_ppb = 50'000;
    return as_long_as(std::move(correction));
}

class LibzmqLane final : public ScaleLane {
public:
    explicit LibzmqLane(std::size_t size)
        : size_(size),
          probe_(poll_sizes().poll),
          notice_(as_long_as(RoundNotice{1000, RoundState::steady, static_cast<std::uint32_t>(size),
                                         static_cast<std::uint32_t>(size), Duration{-3'100}})) {
        for (std::size_t i = 0; i < size; ++i) {
            const NodeId id = node_id(member_name(i));
            topics_.push_back(correction_topic(id));
            corrections_.push_back(correction_bytes(id));
        }
    }

    Result<void> open() {
        const auto tell_all = [](zmq::socket_t& socket) -> Result<void> {
            socket.set(zmq::sockopt::xpub_verbose, true);
            return {};
        };
        constexpr std::string_view any_port = "tcp://127.0.0.1:0";
        const auto poll = router_.bind(any_port);
        if (!poll) return failure(poll.error());
        const auto publish =
            open_bound(router_.context(), zmq::socket_type::xpub, any_port, tell_all, publisher_);
        if (!publish) return failure(publish.error());
        auto echoes = start_peer("echoes", {std::to_string(size_), poll->str(), publish->str()}, End::peer);
        if (!echoes) return failure(echoes.error());
        echoes_ = std::move(*echoes);
        return {};
    }

    Result<void> settle() override {
        const TrueTime deadline = true_now() + kSettlePatience;
        std::size_t subscriptions = 0;
        while (routes_.size() < size_ || subscriptions < 2 * size_) {
            zmq::message_t frame;
            while (router_.receive(std::chrono::milliseconds{5})) routes_.push_back(router_.route());
            while (receive_frame(publisher_.socket, frame) >= 0) ++subscriptions;
            if (const auto go_on = InterruptGuard::check(); !go_on) return go_on;
            if (true_now() >= deadline) {
                return failure("not all of " + std::to_string(size_) +
                               " bare peers are connected after 60 s");
            }
        }
        return {};
    }

    Result<ScaleTimes> measure() override {
        ScaleTimes times;
        number(probe_, ++sequence_);
        const TrueTime start = true_now();
        for (const Bytes& route : routes_) {
            if (!router_.send(route, probe_)) return failure("a bare probe could not be sent");
        }
        for (std::size_t answered = 0; answered < size_;) {
            // No poll while there is something to read, as the product's transport does it.
            if (!router_.receive(Duration{0}) && !router_.receive(kPatience))
                return failure(std::to_string(size_ - answered) + " bare probes were lost");
            if (number_of(router_.payload()) == sequence_) ++answered;
        }
        times.round = true_now() - start;

        const TrueTime published = true_now();
        for (std::size_t i = 0; i < size_; ++i) {
            number(corrections_[i], sequence_);
            publish(topics_[i], corrections_[i]);
        }
        publish(kRoundTopic, notice_);
        const auto heard = hear(*echoes_, "corrected", kCorrectionPatience);
        if (!heard || (*heard)["corrected"] != sequence_) return failure("bare corrections were lost");
        times.publish = from_ns<TrueTime>((*heard)["last_ns"].get<std::int64_t>()) - published;
        return times;
    }

private:
    void publish(std::string_view topic, const Bytes& payload) {
        send_frame(publisher_.socket, topic.data(), topic.size(), ZMQ_SNDMORE);
        send_frame(publisher_.socket, payload.data(), payload.size(), 0);
    }

    std::size_t size_;
    BareRouter router_;
    Socket publisher_;
    Peer echoes_;
    std::vector<Bytes> routes_;
    std::vector<std::string> topics_;
    Bytes probe_;
    std::vector<Bytes> corrections_;
    Bytes notice_;
    std::uint64_t sequence_ = 0;
};

}  // namespace

Result<std::unique_ptr<ScaleLane>> make_libzmq_lane(std::size_t size) {
    auto lane = std::make_unique<LibzmqLane>(size);
    if (const auto opened = lane->open(); !opened) return failure(opened.error());
    return lane;
}

}  // namespace berkeley::bench
