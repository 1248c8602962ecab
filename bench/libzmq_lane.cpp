#include <cstring>
#include <string>
#include <vector>

#include "bench/poll_path.hpp"
#include "bench/scale_hosts.hpp"
#include "bench/scale_lanes.hpp"
#include "net/zmq_socket.hpp"
#include "os/os_clock.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

using std::chrono::seconds;

constexpr Duration kSettlePatience = seconds{60};
constexpr Duration kPatience = seconds{2};

using Bytes = std::vector<std::byte>;

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

void number(Bytes& payload, std::uint64_t value) { std::memcpy(payload.data(), &value, sizeof value); }

class LibzmqLane final : public ScaleLane {
public:
    LibzmqLane(std::size_t size, PeerProcess& host)
        : size_(size),
          host_(host),
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
        const auto nothing = [](zmq::socket_t&) -> Result<void> { return {}; };
        const auto tell_all = [](zmq::socket_t& socket) -> Result<void> {
            socket.set(zmq::sockopt::xpub_verbose, true);
            return {};
        };
        constexpr std::string_view any_port = "tcp://127.0.0.1:0";
        const auto poll = open_bound(context_, zmq::socket_type::router, any_port, nothing, router_);
        if (!poll) return failure(poll.error());
        const auto publish = open_bound(context_, zmq::socket_type::xpub, any_port, tell_all, publisher_);
        if (!publish) return failure(publish.error());
        return host_.tell(host_order(size_, poll->view(), publish->view()));
    }

    Result<void> settle() override {
        const RawTime deadline = clock_.now() + kSettlePatience;
        std::size_t subscriptions = 0;
        while (routes_.size() < size_ || subscriptions < 2 * size_) {
            zmq::message_t frame;
            zmq::message_t payload;
            bool idle = true;
            while (receive_frame(router_.socket, frame) >= 0) {
                idle = false;
                receive_frame(router_.socket, payload);
                routes_.emplace_back(frame.data<std::byte>(), frame.data<std::byte>() + frame.size());
            }
            while (receive_frame(publisher_.socket, frame) >= 0) {
                idle = false;
                ++subscriptions;
            }
            if (clock_.now() >= deadline) {
                return failure("not all of " + std::to_string(size_) +
                               " bare peers are connected after 60 s");
            }
            if (idle) wait(std::chrono::milliseconds{5});
        }
        return {};
    }

    Result<ScaleTimes> measure() override {
        ScaleTimes times;
        ++sequence_;
        number(probe_, sequence_);
        const RawTime start = clock_.now();
        for (const Bytes& route : routes_) {
            if (!send_frame(router_.socket, route.data(), route.size(), ZMQ_SNDMORE) ||
                !send_frame(router_.socket, probe_.data(), probe_.size(), 0)) {
                return failure("a bare probe could not be sent");
            }
        }
        for (std::size_t answered = 0; answered < size_;) {
            zmq::message_t frame;
            zmq::message_t payload;
            if (receive_frame(router_.socket, frame) < 0) {
                if (!wait(kPatience)) return failure("bare probes were lost");
                continue;
            }
            receive_frame(router_.socket, payload);
            answered += std::memcmp(payload.data(), probe_.data(), sizeof sequence_) == 0 ? 1U : 0U;
        }
        times.round = clock_.now() - start;

        const RawTime published = clock_.now();
        for (std::size_t i = 0; i < size_; ++i) {
            number(corrections_[i], sequence_);
            publish(topics_[i], corrections_[i]);
        }
        publish(kRoundTopic, notice_);
        const auto report = host_.hear(kPatience);
        if (!report || report->number != sequence_) return failure("bare corrections were lost");
        times.publish = from_ns<RawTime>(report->at_ns) - published;
        return times;
    }

private:
    void publish(std::string_view topic, const Bytes& payload) {
        send_frame(publisher_.socket, topic.data(), topic.size(), ZMQ_SNDMORE);
        send_frame(publisher_.socket, payload.data(), payload.size(), 0);
    }

    /// Until there may be an answer; false: none came.
    bool wait(Duration patience) {
        zmq_pollitem_t item{router_.socket.handle(), 0, ZMQ_POLLIN, 0};
        return zmq_poll(&item, 1, std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()) >
               0;
    }

    std::size_t size_;
    PeerProcess& host_;
    OsClock clock_;
    zmq::context_t context_{1};
    Socket router_;
    Socket publisher_;
    std::vector<Bytes> routes_;
    std::vector<std::string> topics_;
    Bytes probe_;
    std::vector<Bytes> corrections_;
    Bytes notice_;
    std::uint64_t sequence_ = 0;
};

}  // namespace

Result<std::unique_ptr<ScaleLane>> make_libzmq_lane(std::size_t size, PeerProcess& host) {
    auto lane = std::make_unique<LibzmqLane>(size, host);
    if (const auto opened = lane->open(); !opened) return failure(opened.error());
    return lane;
}

}  // namespace berkeley::bench
