#include <algorithm>
#include <optional>
#include <utility>

#include "bench/scale_hosts.hpp"
#include "bench/scale_lanes.hpp"
#include "log/event_log.hpp"
#include "master/master_core.hpp"
#include "net/transport.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Term kTerm = 1;
/// What --window allows.
constexpr std::size_t kWindowMax = 1024;
/// Thousands of connections, and a cold start that waits for the last.
constexpr Duration kSettlePatience = seconds{60};
constexpr Duration kReportPatience = seconds{2};

/// A master's shell reduced to what rounds and corrections go through; it leads from the beginning,
/// unelected.
class ProductLane final : public ScaleLane {
public:
    ProductLane(std::size_t size, PeerProcess& host)
        : size_(size),
          host_(host),
          self_(self_options(), Prng{1}, clock_.now(), kStart, SavedRate{}),
          master_(master_options(size), self_, Prng{2}) {}

    Result<void> open() {
        TransportOptions options;
        options.clock = {[](const void* clock) { return static_cast<const OsClock*>(clock)->now(); },
                         &clock_};
        auto transport = Transport::create(options);
        if (!transport) return failure(transport.error());
        transport_ = std::move(*transport);
        constexpr std::string_view any_port = "tcp://127.0.0.1:0";
        const auto poll = transport_->bind_poll(any_port);
        if (!poll) return failure(poll.error());
        const auto publish = transport_->bind_publish(Channel::publish, any_port);
        if (!publish) return failure(publish.error());
        const auto beat = transport_->bind_publish(Channel::heartbeat, any_port);
        if (!beat) return failure(beat.error());
        info_ = {self_.options().id, 0, *poll, *publish, *beat};
        self_.follow(kTerm, info_.id);
        master_.set_lease(RawTime::max());
        master_.start_term(clock_.now(), actions_);
        carry_out();
        return host_.tell(host_order(size_, poll->view(), publish->view()));
    }

    Result<void> settle() override {
        const RawTime deadline = clock_.now() + kSettlePatience;
        while (clock_.now() < deadline) {
            if (const auto round = next_round(deadline); round && whole(*round) && corrected(round->round))
                return {};
        }
        return failure("not all of " + std::to_string(size_) + " slaves take part after 60 s");
    }

    Result<ScaleTimes> measure() override {
        const auto round = next_round(clock_.now() + 2 * master_.options().interval + seconds{5});
        if (!round) return failure("no round was ended");
        if (round->replied != size_)
            return failure(std::to_string(size_ - round->replied) + " probes were lost");
        if (!whole(*round)) return failure("a round was " + std::string(to_string(round->state)));
        const auto last = corrected(round->round);
        if (!last) return failure(last.error());
        return ScaleTimes{round->duration, *last - published_at_};
    }

private:
    static constexpr ClusterTime kStart{std::chrono::hours{24}};

    static SlaveCoreOptions self_options() {
        SlaveCoreOptions options;
        options.cluster = bench_cluster();
        options.id = node_id("bench-master");
        return options;
    }

    static MasterCoreOptions master_options(std::size_t size) {
        MasterCoreOptions options;
        options.interval = scale_interval(size);
        options.burst = 1;
        options.window = static_cast<std::uint32_t>(std::min(size, kWindowMax));
        options.pace_max = Duration{0};
        return options;
    }

    bool whole(const RoundEvent& round) const {
        return round.state == RoundState::steady && round.replied == size_;
    }

    /// When the last of all had applied this round's correction.
    Result<RawTime> corrected(Round round) {
        for (;;) {
            const auto report = host_.hear(kReportPatience);
            if (!report) return failure("corrections were lost or refused");
            if (report->number == round) return from_ns<RawTime>(report->at_ns);
        }
    }

    std::optional<RoundEvent> next_round(RawTime deadline) {
        round_.reset();
        while (!round_ && clock_.now() < deadline) {
            if (const RawTime now = clock_.now(); master_.next_deadline() <= now) {
                master_.on_timer(now, actions_);
                carry_out();
            }
            transport_->poll(std::min(master_.next_deadline(), deadline));
            Inbound in;
            while (transport_->receive(in)) {
                if (decode(in.payload, bench_cluster(), message_)) continue;
                take(in);
                carry_out();
            }
        }
        return std::exchange(round_, {});
    }

    void take(const Inbound& in) {
        const NodeId& sender = message_.header.sender;
        if (const auto* reply = std::get_if<Reply>(&message_.body)) {
            master_.on_reply(in.route, sender, *reply, in.received_at, actions_);
        } else if (const auto* hello = std::get_if<Hello>(&message_.body)) {
            master_.on_hello(in.route, sender, *hello, in.received_at, actions_);
            actions_.add(SendToRoute{
                in.route,
                self_.make(Welcome{
                    hello->generation, Role::master, info_.id, master_.options().interval, {info_}})});
        }
    }

    void carry_out() {
        bool published = false;
        for (const Action& action : actions_) {
            if (const auto* send = std::get_if<SendToRoute>(&action)) {
                encode(send->message, encoded_);
                const Sent sent = transport_->send(send->route, encoded_);
                if (sent.ok() && send->token != 0) master_.on_sent(send->token, sent.stamp);
            } else if (const auto* publish = std::get_if<Publish>(&action)) {
                if (!std::exchange(published, true)) published_at_ = clock_.now();
                encode(publish->message, encoded_);
                transport_->publish(publish->channel, topic_of(false, publish->message), encoded_);
            } else if (const auto* emit = std::get_if<EmitEvent>(&action)) {
                if (const auto* round = std::get_if<RoundEvent>(&emit->event)) round_ = *round;
            }
        }
        actions_.clear();
    }

    std::size_t size_;
    PeerProcess& host_;
    OsClock clock_;
    std::unique_ptr<Transport> transport_;
    CandidateInfo info_;
    SlaveCore self_;
    MasterCore master_;
    Actions actions_;
    Encoded encoded_;
    Message message_;
    std::optional<RoundEvent> round_;  ///< the last that ended
    RawTime published_at_{};
};

}  // namespace

/// A probe is given up after a quarter of it, and a round of a thousand takes tens of milliseconds.
Duration scale_interval(std::size_t size) {
    return std::clamp<Duration>(milliseconds{size / 2}, milliseconds{250}, seconds{4});
}

Result<std::unique_ptr<ScaleLane>> make_product_lane(std::size_t size, PeerProcess& host) {
    auto lane = std::make_unique<ProductLane>(size, host);
    if (const auto opened = lane->open(); !opened) return failure(opened.error());
    return lane;
}

}  // namespace berkeley::bench
