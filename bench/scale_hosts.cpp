#include "bench/scale_hosts.hpp"

#include <cstring>
#include <memory>
#include <sstream>
#include <utility>

#include "bench/crowd.hpp"
#include "bench/peer_process.hpp"
#include "bench/placement.hpp"
#include "bench/poll_path.hpp"
#include "net/transport.hpp"
#include "slave/slave_core.hpp"

namespace berkeley::bench {

namespace {

/// Timers of N cores are looked through no more often: they are for greetings and silence.
constexpr Duration kTimerGrain = std::chrono::milliseconds{20};

struct Order {
    explicit Order(const std::string& text) { std::istringstream(text) >> size >> poll >> publish; }
    std::size_t size = 0;
    std::string poll;
    std::string publish;
};

/// Counts who has a round's correction, and reports the last.
class LastOfAll {
public:
    LastOfAll(std::size_t size, int channel) : size_(size), channel_(channel) {}

    void count(std::uint64_t round, RawTime at) {
        if (round != round_) count_ = 0;
        round_ = round;
        if (++count_ == size_) PeerProcess::report(channel_, {round, to_ns(at)});
    }

private:
    std::size_t size_;
    int channel_;
    std::uint64_t round_ = 0;
    std::size_t count_ = 0;
};

/// A slave's shell for each core, reduced to what rounds and corrections go through.
class SlaveCrowd final : public Crowd {
public:
    SlaveCrowd(const Order& order, int channel)
        : Crowd(order.size), last_(order.size, channel), master_(Url::from(order.poll).value()) {}

private:
    void begin(std::size_t member) override {
        SlaveCoreOptions options;
        options.cluster = bench_cluster();
        options.id = node_id(member_name(member));
        options.masters = {master_};
        cores_.push_back(std::make_unique<SlaveCore>(options, Prng{member + 1}, clock().now(),
                                                     ClusterTime{std::chrono::hours{24}}, SavedRate{}));
        cores_.back()->start(clock().now(), actions_);
        carry_out(member);
    }

    void on_message(const Arrival& arrival) override {
        if (decode(arrival.payload, bench_cluster(), message_)) return;
        const Via via = arrival.side == Side::dealer ? Via::dealer : Via::publish;
        cores_[arrival.member]->on_message(0, via, message_, arrival.at, actions_);
        carry_out(arrival.member);
    }

    RawTime on_timer(RawTime now) override {
        RawTime next = RawTime::max();
        for (std::size_t i = 0; i < cores_.size(); ++i) {
            if (cores_[i]->next_deadline() <= now) {
                cores_[i]->on_timer(now, actions_);
                carry_out(i);
            }
            next = std::min(next, cores_[i]->next_deadline());
        }
        return std::max(next, now + kTimerGrain);
    }

    void carry_out(std::size_t member) {
        for (const Action& action : actions_) {
            if (const auto* sent = std::get_if<SendToLink>(&action)) {
                encode(sent->message, encoded_);
                if (encoded_.stamp_at != 0) patch_stamp(encoded_, clock().now());
                send(member, encoded_.bytes);
            } else if (const auto* connected = std::get_if<ConnectLink>(&action)) {
                connect(member, connected->poll.view());
            } else if (const auto* subscribed = std::get_if<SubscribeLink>(&action)) {
                subscribe(member, subscribed->publish.view(), correction_topic(cores_[member]->options().id));
            } else if (const auto* emitted = std::get_if<EmitEvent>(&action)) {
                const auto* correction = std::get_if<CorrectionEvent>(&emitted->event);
                if (correction == nullptr || correction->applied == Applied::refused) continue;
                last_.count(correction->round, clock().now());
            }
        }
        actions_.clear();
    }

    LastOfAll last_;
    Url master_;
    std::vector<std::unique_ptr<SlaveCore>> cores_;  ///< of those that have begun
    Actions actions_;
    Encoded encoded_;
    Message message_;
};

class EchoCrowd final : public Crowd {
public:
    EchoCrowd(Order order, int channel)
        : Crowd(order.size),
          order_(std::move(order)),
          last_(order_.size, channel),
          reply_(poll_sizes().reply) {}

private:
    void begin(std::size_t member) override {
        connect(member, order_.poll);
        subscribe(member, order_.publish, correction_topic(node_id(member_name(member))));
        greeted_.push_back(false);
    }

    /// What comes begins with a number: a round's, or one that the answer brings back.
    void on_message(const Arrival& arrival) override {
        std::uint64_t number = 0;
        if (arrival.payload.size() < sizeof number) return;
        std::memcpy(&number, arrival.payload.data(), sizeof number);
        if (arrival.side == Side::dealer) {
            std::memcpy(reply_.data(), &number, sizeof number);
            send(arrival.member, reply_);
        } else if (arrival.topic != kRoundTopic) {
            last_.count(number, arrival.at);
        }
    }

    /// An empty message brings the routing id, once there is a connection for it.
    RawTime on_timer(RawTime now) override {
        bool all = begun() == size();
        for (std::size_t i = 0; i < begun(); ++i) {
            if (!greeted_[i]) greeted_[i] = send(i, {});
            all = all && greeted_[i];
        }
        return all ? RawTime::max() : now + kTimerGrain;
    }

    Order order_;
    LastOfAll last_;
    std::vector<bool> greeted_;
    std::vector<std::byte> reply_;
};

}  // namespace

std::string host_order(std::size_t size, std::string_view poll, std::string_view publish) {
    return std::to_string(size) + " " + std::string(poll) + " " + std::string(publish);
}

const ClusterName& bench_cluster() {
    static const ClusterName name = node_id("bench");
    return name;
}

std::string member_name(std::size_t index) { return "s" + std::to_string(index); }

void run_slaves_host(const std::string& order, int channel) {
    place(End::peer);
    raise_file_limit();
    SlaveCrowd(Order(order), channel).run();
}

void run_echo_host(const std::string& order, int channel) {
    place(End::peer);
    raise_file_limit();
    EchoCrowd(Order(order), channel).run();
}

}  // namespace berkeley::bench
