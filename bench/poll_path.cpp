#include "bench/poll_path.hpp"

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "base/prng.hpp"
#include "bench/placement.hpp"
#include "net/transport.hpp"
#include "os/os_clock.hpp"
#include "slave/slave_core.hpp"

namespace berkeley::bench {

namespace {

constexpr std::uint32_t kBurst = 8;
constexpr Term kTerm = 1;
/// How long an idle slave sleeps at most; a thread that is told to end sees it by then.
constexpr Duration kSlaveNap = std::chrono::milliseconds{50};

const ClusterName& cluster() {
    static const ClusterName name = node_id("bench");
    return name;
}

RawTime read_clock(const void* clock) { return static_cast<const OsClock*>(clock)->now(); }

/// The keys of both ends, and the one directory that authorises them, gone when it has been read.
struct BenchKeys {
    Credentials master;
    Credentials slave;
};
std::optional<BenchKeys> bench_keys;

Result<std::unique_ptr<Transport>> make_transport(const OsClock& clock, const Transport* share,
                                                  std::optional<Credentials> credentials = std::nullopt) {
    TransportOptions options;
    options.credentials = std::move(credentials);
    options.clock = {read_clock, &clock};
    options.share_context_with = share;
    return Transport::create(options);
}

/// A slave's shell reduced to what a poll goes through.
class Slave {
public:
    Slave(const std::string& master, std::unique_ptr<Transport> transport, const OsClock& clock)
        : clock_(clock),
          transport_(std::move(transport)),
          core_(core_options(master), Prng{1}, clock.now(), ClusterTime{std::chrono::hours{24}}, {}) {
        core_.start(clock_.now(), actions_);
        carry_out();
    }

    void run(const std::atomic<bool>& stop) {
        while (!stop.load(std::memory_order_relaxed)) {
            RawTime now = clock_.now();
            if (core_.next_deadline() <= now) {
                core_.on_timer(now, actions_);
                carry_out();
                now = clock_.now();
            }
            transport_->poll(std::min(core_.next_deadline(), now + kSlaveNap));
            receive();
        }
    }

private:
    static SlaveCoreOptions core_options(const std::string& master) {
        SlaveCoreOptions options;
        options.cluster = cluster();
        options.id = node_id("bench-slave");
        options.masters = {Url::from(master).value()};
        return options;
    }

    void receive() {
        Inbound in;
        while (transport_->receive(in)) {
            if (in.source == Source::router || decode(in.payload, cluster(), message_)) continue;
            const Via via = in.source == Source::dealer    ? Via::dealer
                            : in.source == Source::publish ? Via::publish
                                                           : Via::heartbeat;
            core_.on_message(in.link, via, message_, in.received_at, actions_);
            carry_out();
        }
    }

    void carry_out() {
        for (const Action& action : actions_) {
            if (const auto* send = std::get_if<SendToLink>(&action)) {
                encode(send->message, encoded_);
                static_cast<void>(transport_->send(send->link, encoded_));
            } else if (const auto* connect = std::get_if<ConnectLink>(&action)) {
                static_cast<void>(transport_->connect_link(connect->link, connect->poll.view()));
            } else if (const auto* subscribe = std::get_if<SubscribeLink>(&action)) {
                static_cast<void>(transport_->subscribe_link(subscribe->link, subscribe->publish.view(),
                                                             subscribe->heartbeat.view(),
                                                             core_.options().id));
            }
        }
        actions_.clear();
    }

    const OsClock& clock_;
    std::unique_ptr<Transport> transport_;
    SlaveCore core_;
    Actions actions_;
    Encoded encoded_;
    Message message_;
};

std::string_view name_of(Wire wire) {
    return wire == Wire::tcp         ? "poll_tcp"
           : wire == Wire::tcp_curve ? "poll_tcp_curve"
           : wire == Wire::ipc       ? "poll_ipc"
                                     : "poll_inproc";
}

std::string endpoint_of(Wire wire, std::string_view tag, std::string_view channel) {
    if (wire == Wire::tcp || wire == Wire::tcp_curve) return "tcp://127.0.0.1:0";
    // ipc in the abstract name space: nothing is left behind, however the run ends.
    const std::string name = std::string(tag) + "-" + std::string(channel);
    return (wire == Wire::ipc ? "ipc://@" : "inproc://") + name;
}

class RouterPath final : public PollPath {
public:
    explicit RouterPath(Wire wire) : wire_(wire) {}

    ~RouterPath() override {
        if (!thread_.joinable()) return;
        stop_.store(true, std::memory_order_relaxed);
        thread_.join();
    }

    Result<void> open(std::string_view tag, PeerProcess* peer) {
        auto transport = make_transport(
            clock_, nullptr, wire_ == Wire::tcp_curve ? std::optional(bench_keys->master) : std::nullopt);
        if (!transport) return failure(transport.error());
        transport_ = std::move(*transport);
        self_.id = node_id("bench-master");
        const auto poll = transport_->bind_poll(endpoint_of(wire_, tag, "poll"));
        if (!poll) return failure(poll.error());
        const auto publish = transport_->bind_publish(Channel::publish, endpoint_of(wire_, tag, "publish"));
        if (!publish) return failure(publish.error());
        const auto beat = transport_->bind_publish(Channel::heartbeat, endpoint_of(wire_, tag, "heartbeat"));
        if (!beat) return failure(beat.error());
        self_.poll = *poll;
        self_.publish = *publish;
        self_.heartbeat = *beat;
        if (peer != nullptr) {
            if (const auto told = peer->tell(poll->view()); !told) return told;
        } else {
            auto shared = make_transport(clock_, transport_.get());
            if (!shared) return failure(shared.error());
            thread_ = std::thread([this, transport = std::move(*shared)]() mutable {
                place(End::peer);
                Slave(self_.poll.str(), std::move(transport), clock_).run(stop_);
            });
        }
        return welcome();
    }

    std::string_view name() const override { return name_of(wire_); }

    std::optional<Duration> probe() override {
        const RawTime start = clock_.now();
        if (!exchange()) return std::nullopt;
        return clock_.now() - start;
    }

    std::optional<ProbeStamps> exchange() override {
        ++sequence_;
        const RawTime deadline = clock_.now() + kProbeTimeout;
        request_.body =
            Poll{1 + sequence_ / kBurst, static_cast<std::uint32_t>(sequence_ % kBurst), prng_.next()};
        const std::uint64_t token = std::get<Poll>(request_.body).token;
        encode(request_, encoded_);
        const Sent sent = transport_->send(route_, encoded_);
        if (!sent.ok()) return std::nullopt;
        while (!transport_->poll(deadline).deadline) {
            Inbound in;
            while (transport_->receive(in)) {
                if (decode(in.payload, cluster(), answer_)) continue;
                const auto* reply = std::get_if<Reply>(&answer_.body);
                if (reply == nullptr || reply->token != token) continue;
                return ProbeStamps{sent.stamp, reply->t2, reply->t3, in.received_at};
            }
        }
        return std::nullopt;
    }

    void idle(Duration duration) override {
        const RawTime deadline = clock_.now() + duration;
        while (!transport_->poll(deadline).deadline) {
            Inbound in;
            while (transport_->receive(in)) {
            }
        }
    }

    RawTime now() const override { return clock_.now(); }

private:
    /// Waits for the slave's HELLO and answers it, so that the slave is in the state in which it is polled.
    Result<void> welcome() {
        const RawTime deadline = clock_.now() + kConnectTimeout;
        while (!transport_->poll(deadline).deadline) {
            Inbound in;
            while (transport_->receive(in)) {
                if (decode(in.payload, cluster(), answer_)) continue;
                const auto* hello = std::get_if<Hello>(&answer_.body);
                if (hello == nullptr) continue;
                route_ = in.route;
                request_.header = {cluster(), self_.id, kTerm};
                request_.body =
                    Welcome{hello->generation, Role::master, self_.id, std::chrono::seconds{1}, {self_}};
                encode(request_, encoded_);
                if (transport_->send(route_, encoded_).ok()) return {};
            }
        }
        return failure(std::string(name()) + ": the slave did not say HELLO");
    }

    Wire wire_;
    OsClock clock_;
    std::unique_ptr<Transport> transport_;
    CandidateInfo self_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
    Route route_ = 0;
    std::uint64_t sequence_ = 0;
    Prng prng_{2};
    Message request_;
    Message answer_;
    Encoded encoded_;
};

}  // namespace

void run_slave_process(const std::string& endpoint) {
    place(End::peer);
    run_unplaced_slave_process(endpoint);
}

void run_secured_slave_process(const std::string& endpoint) {
    place(End::peer);
    const OsClock clock;
    auto transport = make_transport(clock, nullptr, bench_keys->slave);
    const std::atomic<bool> never{false};
    if (transport) Slave(endpoint, std::move(*transport), clock).run(never);
}

Result<void> make_bench_keys() {
    const auto master = generate_keys();
    const auto slave = generate_keys();
    if (!master || !slave) return failure(master ? slave.error() : master.error());
    std::string directory = (std::filesystem::temp_directory_path() / "berkeley-bench-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return failure(directory + ": cannot be made");
    const NodeId slave_id = node_id("bench-slave");
    const auto written =
        write_key_card(directory + "/slave.key", {slave->public_key, slave_id, AccessRole::slave});
    auto ring = KeyDirectory::open(directory, {}, master->public_key);
    std::filesystem::remove_all(directory);
    if (!written) return written;
    if (!ring) return failure(ring.error());
    auto pins = KeyDirectory::open({}, {{master->public_key, node_id("bench-master")}}, slave->public_key);
    if (!pins) return failure(pins.error());
    bench_keys.emplace(BenchKeys{{node_id("bench-master"), *master, std::move(*ring)},
                                 {slave_id, *slave, std::move(*pins)}});
    return {};
}

void run_unplaced_slave_process(const std::string& endpoint) {
    const OsClock clock;
    auto transport = make_transport(clock, nullptr);
    const std::atomic<bool> never{false};
    if (transport) Slave(endpoint, std::move(*transport), clock).run(never);
}

Result<std::unique_ptr<PollPath>> make_poll_path(Wire wire, std::string_view tag, PeerProcess* peer) {
    auto path = std::make_unique<RouterPath>(wire);
    if (const auto opened = path->open(tag, peer); !opened) return failure(opened.error());
    return path;
}

PollSizes poll_sizes() {
    const OsClock clock;
    Prng prng{3};
    Encoded encoded;
    encode({{cluster(), node_id("bench-master"), kTerm}, Poll{1000, 1, prng.next()}}, encoded);
    const std::size_t poll = encoded.bytes.size();
    Reply reply;
    reply.round = 1000;
    reply.probe = 1;
    reply.token = prng.next();
    reply.generation = prng.next();
    reply.t2 = reply.t3 = reply.map.anchor_raw = clock.now();
    reply.map.anchor_cluster = ClusterTime{std::chrono::hours{24}};
    reply.bound = kUnknownBound;
    encode({{cluster(), node_id("bench-slave"), kTerm}, reply}, encoded);
    return {poll, encoded.bytes.size()};
}

}  // namespace berkeley::bench
