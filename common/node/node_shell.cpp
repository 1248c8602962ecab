#include "node/node_shell.hpp"

#include <sys/random.h>

#include <csignal>
#include <cstdio>
#include <ctime>

#include "log/event_json.hpp"

namespace berkeley {

namespace {

/// The next probe of a burst comes within it; one that wakes sleeping CPUs takes about so long.
constexpr Duration kProbeAwake = std::chrono::microseconds{200};

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kHousekeeping = seconds{1};
/// The rate is saved soon, since a node may be killed, and then ever more rarely.
constexpr Duration kSaveFirst = std::chrono::seconds{30};
constexpr Duration kSaveEvery = std::chrono::hours{1};
/// Goodbyes have this long to leave; the whole end stays well below a second.
constexpr Duration kLinger = milliseconds{200};

/// The most that a well-behaved node does: it sends 64 replies in each of 20 rounds a second, and 200
/// acknowledgements. It makes three connections, again after an end no sooner than once a second, and speaks
/// over each at once. Of eight times as many it may have left some behind, which the kernel notices within
/// half a minute. A tool such as berkeleyctl makes one connection each time that it is called, perhaps in a
/// loop.
constexpr PeerLimits kPeerLimits{.messages = {4000, 1000},
                                 .node_admissions = {3, 24},
                                 .tool_admissions = {50, 100},
                                 .connections = 24,
                                 .silence = seconds{10}};

std::uint64_t random_word() {
    std::uint64_t word = 0;
    // Up to 256 bytes getrandom never returns short once the system's pool is ready.
    while (getrandom(&word, sizeof word, 0) != sizeof word) {
    }
    return word;
}

bool is_promise(const Message& message) {
    return std::holds_alternative<Grant>(message.body) || std::holds_alternative<Ack>(message.body);
}

template <class... Ts>
struct Overload : Ts... {
    using Ts::operator()...;
};
// clang 14 does not yet deduce this by itself.
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

/// The machine's clock, with the injected offset.
ClusterTime machine_time(const NodeOptions& options) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return from_ns<ClusterTime>(std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec) +
           options.clock_offset;
}

}  // namespace

int fail_start(const NodeOptions& options, std::string_view program, const std::string& why) {
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(), why.c_str());
    if (options.json) {
        const EventStamp stamp{0, true_now(), machine_time(options)};
        std::fprintf(stdout, "%s\n", exit_json(1, why, options.id, stamp).c_str());
        std::fflush(stdout);
    }
    return 1;
}

NodeShell::NodeShell(const NodeOptions& options, SuspendDetector suspend)
    : options_(options),
      clock_(static_cast<double>(options.clock_drift_ppb) * 1e-3),
      log_({.node = options.id, .json = options.json, .level = options.log_level}),
      suspend_(suspend) {
    static_cast<void>(suspend_.update());
}

NodeShell::~NodeShell() = default;

Result<std::unique_ptr<NodeShell>> NodeShell::create(const NodeOptions& options,
                                                     std::optional<Credentials> credentials,
                                                     SuspendDetector suspend) {
    std::unique_ptr<NodeShell> shell{new NodeShell(options, suspend)};
    auto state = StateFile::open(options.state_dir);
    if (!state) return failure(state.error());
    shell->state_ = std::move(*state);
    const auto saved = shell->state_->load();
    if (!saved) return failure(saved.error());
    if (*saved) {
        shell->saved_ = **saved;
        // Under another name its promises would bind nobody, and the committee would wait for the old one for
        // ever.
        const NodeId& owner = shell->saved_.id;
        if (!owner.empty() && owner != options.id && !options.id_is_of_process) {
            return failure(options.state_dir.string() + ": holds the state of '" + owner.str() +
                           "', not of '" + options.id.str() + "': give each --id a --state-dir of its own");
        }
    } else {
        shell->saved_.incarnation = random_word();
    }
    raise_file_limit();
    TransportOptions transport;
    transport.clock = {[](const void* clock) { return static_cast<const OsClock*>(clock)->now(); },
                       &shell->clock_};
    transport.handle_signals = true;
    transport.credentials = std::move(credentials);
    transport.peer_limits = kPeerLimits;
    auto created = Transport::create(transport);
    if (!created) return failure(created.error());
    shell->transport_ = std::move(*created);
    if (options.clock_page) {
        auto page = ClockPageWriter::create(options.clock_page->string());
        if (!page) return failure(page.error());
        shell->page_ = std::make_unique<ClockPageWriter>(std::move(*page));
    }
    // After the transport, which blocks the signals for all threads that come later.
    if (!options.let_cpus_sleep) shell->waker_ = std::make_unique<CpuWaker>();
    if (options.clock == ClockKind::system_clock) {
        shell->system_calls_ = std::make_unique<LinuxSystemClock>();
        shell->follower_ = std::make_unique<SystemClockFollower>(*shell->system_calls_);
    }
    return shell;
}

ClusterTime NodeShell::initial_time() const { return machine_time(options_); }

Prng NodeShell::seeded() const { return Prng{random_word()}; }

SlaveCoreOptions NodeShell::core_options() const {
    SlaveCoreOptions core;
    core.cluster = options_.cluster;
    core.id = options_.id;
    core.incarnation = saved_.incarnation;
    core.heartbeat_timeout = options_.heartbeat_timeout;
    core.memory = {saved_.term, saved_.voted_for, saved_.committee};
    core.discipline.max_slew_ppb = options_.max_slew_ppb;
    core.discipline.step_threshold = options_.step_threshold;
    core.discipline.max_correction = options_.max_correction;
    core.discipline.max_bound = options_.max_bound;
    core.discipline.max_drift_ppb = options_.max_drift_ppb;
    return core;
}

EventStamp NodeShell::stamp(const Node& node) const {
    const TrueTime now = true_now();
    return {node.slave().term(), now, node.slave().discipline().map().cluster(clock_.raw(now))};
}

int NodeShell::run(Node& node, const NamedEndpoints& endpoints) {
    Actions actions;
    if (follower_) {
        // At this moment both clocks read the same, so nothing moves; it only shows whether we may.
        if (const auto allowed = follow(node); !allowed) {
            log_.exit(1, allowed.error(), stamp(node));
            return 1;
        }
    }
    // A voter that never comes back under its name would only be missing.
    if (options_.id_is_of_process) node.slave().elector().disable();
    node.start(now(), actions);
    publish_clock(node);  // whoever waits for `ready` may read the page
    log_.ready(endpoints, stamp(node));
    carry_out(node, actions);
    // A disk that keeps nothing is told of now, not at the first election.
    if (const auto saved = save(node); !saved) promise_lost(node, saved.error());
    housekeeping_at_ = true_now();
    save_at_ = housekeeping_at_ + kSaveFirst;
    save_again_ = kSaveFirst;
    int signal = 0;
    bool again = false;
    while (signal == 0 || (!again && node.needed(now()))) {
        notice_suspend(node);
        if (const RawTime at = now(); node.next_deadline() <= at) {
            actions.clear();
            node.on_timer(at, actions);
            carry_out(node, actions);
        }
        if (const TrueTime at = true_now(); at >= housekeeping_at_) housekeeping(node, at);
        const RawTime deadline = std::min(node.next_deadline(), clock_.raw(housekeeping_at_) + Duration{1});
        const Wake wake = transport_->poll(deadline);
        notice_suspend(node);
        if (wake.signal == SIGHUP) transport_->tend(true);
        if (wake.signal && *wake.signal != SIGHUP) {
            again = std::exchange(signal, *wake.signal) != 0;
            actions.clear();
            node.resign(now(), actions);
            carry_out(node, actions);
        }
        receive(node);
    }
    actions.clear();
    node.stop(now(), actions);
    carry_out(node, actions);
    static_cast<void>(save(node));
    transport_->close(kLinger);
    log_.tick(stamp(node));
    log_.exit(0, signal == SIGINT ? "SIGINT" : "SIGTERM", stamp(node));
    return 0;
}

void NodeShell::receive(Node& node) {
    Inbound in;
    Actions actions;
    while (transport_->receive(in)) {
        if (const auto error = decode(in.payload, options_.cluster, inbound_)) {
            log_.log(DroppedEvent{to_string(*error), 1}, stamp(node));
            continue;
        }
        if (in.peer && !trusted(in, inbound_, node)) continue;
        actions.clear();
        switch (in.source) {
            case Source::router:
                node.on_route_message(in.route, inbound_, in.received_at, actions);
                break;
            case Source::dealer:
                node.on_link_message(in.link, Via::dealer, inbound_, in.received_at, actions);
                break;
            case Source::publish:
                node.on_link_message(in.link, Via::publish, inbound_, in.received_at, actions);
                break;
            case Source::heartbeat:
                node.on_link_message(in.link, Via::heartbeat, inbound_, in.received_at, actions);
                break;
        }
        carry_out(node, actions);
    }
}

/// Behind a key a sender has one name, and may say what its role allows.
bool NodeShell::trusted(const Inbound& in, const Message& message, const Node& node) {
    const PeerIdentity& peer = *in.peer;
    if (peer.id.empty()) {
        transport_->name_peer(in.link, message.header.sender);
    } else if (message.header.sender != peer.id) {
        log_.log(DroppedEvent{"sender-mismatch", 1}, stamp(node));
        return false;
    }
    if (in.source != Source::router || permitted(peer.role, message.body)) return true;
    log_.log(DroppedEvent{"not-permitted", 1}, stamp(node));
    const std::string why =
        "the key of " + peer.id.str() + " has the role " + std::string(to_string(peer.role));
    const auto* hello = std::get_if<Hello>(&message.body);
    encode(node.slave().make(Refuse{RefuseKind::not_allowed, hello != nullptr ? hello->generation : 0,
                                    Reason::from(why).value_or(Reason{})}),
           encoded_);
    static_cast<void>(transport_->send(in.route, encoded_));
    return false;
}

void NodeShell::carry_out(Node& node, const Actions& actions) {
    const auto complain = [&](const Result<void>& result) {
        if (!result) log_.note(Severity::warning, result.error());
    };
    for (const Action& action : actions) {
        std::visit(
            Overload{
                [&](const SendToRoute& a) {
                    encode(a.message, encoded_);
                    const Sent sent = transport_->send(a.route, encoded_);
                    if (sent.ok()) {
                        if (a.token != 0) {
                            node.on_sent(a.token, sent.stamp);
                            if (waker_) waker_->hold(kProbeAwake);
                        }
                    } else if (sent.outcome == SendOutcome::unreachable) {
                        Actions more;
                        node.on_unreachable(a.route, more);
                        carry_out(node, more);
                    }
                },
                [&](const SendToLink& a) {
                    // A promise that is not on the disk is not made.
                    if (save_failed_ && is_promise(a.message)) return;
                    encode(a.message, encoded_);
                    // Not connected yet, or gone: the core's deadlines notice.
                    static_cast<void>(transport_->send(a.link, encoded_));
                    if (waker_ && std::holds_alternative<Reply>(a.message.body)) waker_->hold(kProbeAwake);
                },
                [&](const Publish& a) {
                    if (const auto why = stale(a); !why.empty())
                        return log_.log(DroppedEvent{why, 1}, stamp(node));
                    encode(a.message, encoded_);
                    transport_->publish(a.channel, topic_of(a.channel == Channel::heartbeat, a.message),
                                        encoded_);
                },
                [&](const ConnectLink& a) { complain(transport_->connect_link(a.link, a.poll.view())); },
                [&](const SubscribeLink& a) {
                    complain(transport_->subscribe_link(a.link, a.publish.view(), a.heartbeat.view(),
                                                        options_.id));
                },
                [&](const DropLink& a) { transport_->drop_link(a.link); },
                [&](const PublishClock&) { publish_clock(node); },
                [&](const SaveState&) {
                    if (const auto saved = save(node); !saved) promise_lost(node, saved.error());
                },
                [&](const EmitEvent& a) { log_.log(a.event, stamp(node)); },
            },
            action);
    }
}

void NodeShell::promise_lost(Node& node, const std::string& why) {
    Actions actions;
    node.slave().stop_voting(why, actions);
    carry_out(node, actions);
}

void NodeShell::publish_clock(const Node& node) {
    if (!page_) return;
    const SlaveCore& slave = node.slave();
    const Discipline& clock = slave.discipline();
    PageContent content;
    content.generation = slave.generation();
    content.map = clock_.on_true(clock.map());
    content.bound = clock.measurement_bound();
    content.bound_at = clock_.true_time(clock.measured_at());
    content.rho_ppb = clock.drift_ppb();
    content.valid_for = std::min(clock.valid_for(), clock.reach());
    content.holdover_for = clock.reach() - content.valid_for;
    content.status = clock.status();
    content.term = slave.term();
    content.round = slave.applied_round();
    content.step = clock.jumps() != jumps_published_;
    jumps_published_ = clock.jumps();
    page_->publish(content);
}

Result<void> NodeShell::follow(const Node& node) {
    const Discipline& clock = node.slave().discipline();
    // The system clock is stepped at the cold start only; later steps of the map are slewed towards.
    if (!followed_synchronized_ && clock.ever_synchronized()) {
        followed_synchronized_ = true;
        follower_->restart();
    }
    const auto report = follower_->update(clock_.on_true(clock.map()));
    if (!report) return failure(report.error());
    return {};
}

Result<void> NodeShell::save(const Node& node) {
    const SavedRate rate = node.slave().discipline().rate_to_save();
    saved_.id = options_.id;
    saved_.freq_ppb = rate.ppb;
    saved_.freq_skew_ppb = rate.skew_ppb;
    saved_.candidates = node.slave().known_candidates();
    const ElectorMemory& memory = node.slave().elector().memory();
    saved_.term = memory.term;
    saved_.voted_for = memory.voted_for;
    saved_.committee = memory.committee;
    const auto result = state_->save(saved_);
    if (!result && !save_failed_) log_.note(Severity::error, result.error());
    save_failed_ = !result;
    return save_failed_ ? result : Result<void>{};
}

/// A correction is looked at once more when it leaves: its lease may have run out while the node's disk was
/// slow, and a machine that slept would not know by its raw clock. What sleeps in libzmq's own thread, after
/// this, only the receiver's fence can stop.
std::string_view NodeShell::stale(const Publish& action) {
    if (std::holds_alternative<Correction>(action.message.body) && slept()) return "suspended";
    const bool expired = action.not_after != RawTime::max() && now() >= action.not_after;
    return expired ? "lease-expired" : std::string_view{};
}

bool NodeShell::slept() {
    slept_ = suspend_.update() != Duration{0} || slept_;
    return slept_;
}

/// Before anything is done after a sleep: the raw clock stood still meanwhile, and a lease ran out.
void NodeShell::notice_suspend(Node& node) {
    if (!slept()) return;
    slept_ = false;
    Actions actions;
    node.slave().disrupt("the machine was suspended", actions);
    carry_out(node, actions);
    // A leader steps down before it hears what came meanwhile: an answer would end a round that began before
    // the sleep.
    actions.clear();
    node.on_timer(now(), actions);
    carry_out(node, actions);
}

void NodeShell::housekeeping(Node& node, TrueTime now) {
    housekeeping_at_ = now + kHousekeeping;
    transport_->tend();
    for (const DroppedEvent& drop : transport_->take_drops()) log_.log(drop, stamp(node));
    for (const std::string& line : transport_->take_notes()) log_.note(Severity::warning, line);
    if (follower_) {
        if (const auto result = follow(node); !result) log_.note(Severity::error, result.error());
    }
    if (now >= save_at_) {
        save_again_ = std::min(2 * save_again_, kSaveEvery);
        save_at_ = now + save_again_;
        static_cast<void>(save(node));
    }
    log_.tick(stamp(node));
}

}  // namespace berkeley
