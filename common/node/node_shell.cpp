#include "node/node_shell.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "base/plausible_time.hpp"
#include "base/text.hpp"
#include "log/event_json.hpp"
#include "protocol/candidate_address.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kHousekeeping = seconds{1};
/// For the last save of what was learned.
constexpr Duration kLastSave = milliseconds{300};
/// Goodbyes have this long to leave; the whole end stays well below a second.
constexpr Duration kLinger = milliseconds{200};
/// For a reader of stderr or stdout that takes nothing of why a start failed.
constexpr Duration kStartPatience = milliseconds{300};

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

/// The machine's clock, with the injected offset.
ClusterTime machine_time(const NodeOptions& options) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return from_ns<ClusterTime>(std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec) +
           options.clock_offset;
}

}  // namespace

int fail_start(const NodeOptions& options, std::string_view program, const std::string& why) {
    write_line(STDERR_FILENO, std::string(program) + ": " + one_line(why), kStartPatience);
    if (options.json) {
        const EventStamp stamp{0, true_now(), machine_time(options)};
        write_line(STDOUT_FILENO, exit_json(1, why, options.id, stamp), kStartPatience);
    }
    return 1;
}

NodeShell::NodeShell(const NodeOptions& options, SuspendDetector suspend)
    : options_(options),
      clock_(static_cast<double>(options.clock_drift_ppb) * 1e-3),
      output_(std::make_shared<Doorbell>(), {.threads = 2}),
      log_({.node = options.id,
            .json = options.json,
            .level = options.log_level,
            .run =
                [this](std::function<void()> job) {
                    return output_.submit([job = std::move(job)] {
                        job();
                        return Worker::Finish{};
                    });
                },
            .max_drift_ppb = options.max_drift_ppb}),
      witnesses_(suspend),
      oscillator_(this_oscillator(witnesses_.clock_source(), options.clock_drift_ppb)),
      drift_watch_(options.max_drift_ppb) {}

NodeShell::~NodeShell() = default;

/// A node, and what stands between it and the world while it runs.
struct NodeShell::Running {
    Running(Node& node_, const ShellParts& parts)
        : node(node_), ports(node_, parts), interpreter(node_, ports) {}

    /// Has the core do something, and carries out what it asks for.
    template <class Do>
    void step(Do&& what) {
        Actions actions;
        what(actions);
        interpreter.carry_out(actions);
    }

    Node& node;
    ShellPorts ports;
    Interpreter interpreter;
};

Result<void> NodeShell::open_state() {
    const bool kept = !options_.state_dir.empty();
    auto state = kept ? StateFile::open(options_.state_dir) : Result<StateFile>(StateFile::nowhere());
    if (!state) return failure(state.error());
    state_ = std::make_shared<const StateFile>(std::move(*state));
    const auto saved = state_->load();
    if (!saved) return failure(saved.error());
    if (!*saved) {
        saved_.promises.incarnation = random_word();
        return {};
    }
    saved_ = **saved;
    if (!saved_.learned_lost.empty()) log_.note(Severity::warning, saved_.learned_lost);
    if (saved_.learned.freq_ppb != 0 && kinship(saved_.learned.oscillator, oscillator_) == Kinship::strange) {
        log_.note(Severity::info, "the saved rate is of another oscillator, and is not used");
    }
    // Under another name its promises would bind nobody, and the committee would wait for the old one for
    // ever.
    const NodeId& owner = saved_.promises.id;
    if (!owner.empty() && owner != options_.id && !options_.id_is_of_process) {
        return failure(options_.state_dir.string() + ": holds the state of '" + owner.str() + "', not of '" +
                       options_.id.str() + "': give each --id a --state-dir of its own");
    }
    return {};
}

Result<std::unique_ptr<NodeShell>> NodeShell::create(const NodeOptions& options,
                                                     std::optional<Credentials> credentials,
                                                     SuspendDetector suspend, const NodeShell* beside) {
    std::unique_ptr<NodeShell> shell{new NodeShell(options, suspend)};
    if (const auto opened = shell->open_state(); !opened) return failure(opened.error());
    raise_file_limit();
    TransportOptions transport;
    transport.clock = raw_source(shell->clock_);
    transport.handle_signals = beside == nullptr;
    if (beside != nullptr) transport.share_context_with = beside->transport_.get();
    transport.doorbell = shell->doorbell_;
    transport.witnesses = shell->witnesses_.descriptor();
    std::optional<KeyDirectory> keys;
    if (credentials) keys = credentials->keys;
    transport.credentials = std::move(credentials);
    transport.peer_limits = kPeerLimits;
    transport.look_up = shell->names_.look_up();
    auto created = Transport::create(transport);
    if (!created) return failure(created.error());
    shell->transport_ = std::move(*created);
    // After the transport, which blocks the signals for all threads that come later.
    shell->saves_.emplace(shell->doorbell_, Worker::Options{});
    shell->readings_.emplace(shell->doorbell_, Worker::Options{});
    if (keys) shell->keys_.emplace(*shell->readings_, std::move(*keys));
    if (options.clock_page) {
        auto page = ClockPageWriter::create(
            options.clock_page->string(),
            {.cluster = options.cluster.str(), .remove_at_end = options.clock_page_is_of_process});
        if (!page) return failure(page.error());
        shell->page_ = std::make_unique<ClockPageWriter>(std::move(*page));
    }
    if (!options.let_cpus_sleep) shell->waker_ = std::make_unique<CpuWaker>();
    if (const ClusterTime shown = machine_time(options); !is_plausible(shown)) {
        shell->log_.note(Severity::warning, "this machine's clock shows " + calendar_text(shown) +
                                                ", which cannot be right: the node starts as one that knows "
                                                "no time");
    }
    auto feed = ClockFeed::open(options);
    if (!feed) return failure(feed.error());
    shell->feed_.emplace(std::move(*feed));
    if (options.clock == ClockKind::system_clock) {
        std::vector<NoteEvent> notes;
        auto keeper =
            SystemClockKeeper::start(options, std::make_unique<LinuxSystemClock>(), {}, random_word(), notes);
        if (!keeper) return failure(keeper.error());
        shell->system_clock_ = std::move(*keeper);
        for (const NoteEvent& note : notes) shell->log_.note(note.severity, note.text);
    }
    return shell;
}

ClusterTime NodeShell::initial_time() const { return machine_time(options_); }

Prng NodeShell::seeded() const { return Prng{random_word()}; }

SlaveCoreOptions NodeShell::core_options() const {
    SlaveCoreOptions core;
    core.cluster = options_.cluster;
    core.id = options_.id;
    const Promises& promises = saved_.promises;
    core.incarnation = promises.incarnation;
    core.heartbeat_timeout = options_.heartbeat_timeout;
    core.memory = {promises.term, promises.voted_for, promises.committee, promises.timeout};
    core.known = saved_.learned.candidates;
    // A voter that never comes back under its name would only be missing.
    core.votes = options_.votes && !options_.id_is_of_process;
    core.discipline.max_slew_ppb = options_.max_slew_ppb;
    core.discipline.step_threshold = options_.step_threshold;
    core.discipline.max_correction = options_.max_correction;
    core.discipline.max_bound = options_.max_bound;
    core.discipline.max_drift_ppb = options_.max_drift_ppb;
    if (const auto memory = page_ ? page_->memory() : std::nullopt) {
        core.resumed = ResumedClock{clock_.on_raw(memory->map), memory->bound, clock_.raw(memory->bound_at),
                                    memory->rho_ppb};
        core.resumed_term = memory->term;
    }
    return core;
}

int NodeShell::run(Node& node, const NamedEndpoints& endpoints) {
    Running running(node, {.clock = clock_,
                           .log = log_,
                           .transport = *transport_,
                           .state = *state_,
                           .promises = saved_.promises,
                           .page = page_.get(),
                           .waker = waker_.get(),
                           .witnesses = witnesses_,
                           .oscillator = oscillator_});
    if (const auto begun = begin(running, endpoints); !begun) {
        log_.exit(1, begun.error(), running.ports.stamp());
        return 1;
    }
    end(running, loop(running));
    return 0;
}

Result<void> NodeShell::begin(Running& running, const NamedEndpoints& endpoints) {
    Node& node = running.node;
    Actions actions;
    node.start(now(), actions);
    running.ports.publish_clock();  // whoever waits for `ready` may read the page
    log_.ready(endpoints, running.ports.stamp());
    service_.ready();
    running.interpreter.carry_out(actions);
    // A disk that keeps nothing is told of now, not at the first election.
    running.interpreter.on_saved(running.ports.save());
    housekeeping_at_ = true_now();
    learned_.emplace(*saves_, state_, seeded(), housekeeping_at_);
    return {};
}

/// Returns the signal that ended it.
int NodeShell::loop(Running& running) {
    Node& node = running.node;
    int signal = 0;
    bool again = false;
    while (signal == 0 || (!again && node.needed(now()))) {
        notice_disruption(running);
        if (const RawTime at = now(); node.next_deadline() <= at) {
            running.step([&](Actions& out) { node.on_timer(at, out); });
        }
        if (const TrueTime at = true_now(); at >= housekeeping_at_) housekeeping(running, at);
        follow(running);
        RawTime deadline = std::min(node.next_deadline(), clock_.raw(housekeeping_at_) + Duration{1});
        if (system_clock_) deadline = std::min(deadline, clock_.raw(system_clock_->due()) + Duration{1});
        const Wake wake = transport_->poll(deadline);
        if (wake.woken && witnesses_.take_woken() && system_clock_) system_clock_->hurry();
        notice_disruption(running);
        if (wake.rung) take_finished(running);
        if (wake.signal == SIGHUP && keys_) keys_->look(KeyDirectory::Thoroughness::everything);
        if (wake.signal && *wake.signal != SIGHUP) {
            again = std::exchange(signal, *wake.signal) != 0;
            running.step([&](Actions& out) { node.resign(now(), out); });
        }
        receive(running);
    }
    return signal;
}

void NodeShell::end(Running& running, int signal) {
    service_.stopping();
    if (system_clock_) system_clock_->release();
    running.step([&](Actions& out) { running.node.stop(now(), out); });
    const bool saving = learned_->save_last(running.ports.learned());
    transport_->close(kLinger);
    const bool ended = saving && saves_->settle(kLastSave);
    saves_->finish();
    if (const auto why = learned_->take_failure()) {
        log_.note(Severity::error, *why);
    } else if (!ended) {
        log_.note(Severity::warning, options_.state_dir.string() +
                                         ": the disk does not answer, so what was learned last is not saved");
    }
    log_.tick(running.ports.stamp());
    log_.exit(0, signal == SIGINT ? "SIGINT" : "SIGTERM", running.ports.stamp());
}

void NodeShell::receive(Running& running) {
    Node& node = running.node;
    Inbound in;
    Actions actions;
    while (transport_->receive(in)) {
        if (const auto error = decode(in.payload, options_.cluster, inbound_)) {
            std::string from = transport_->sender_address();
            if (*error == DecodeError::foreign_cluster)
                from += " (cluster " + inbound_.header.cluster.str() + ")";
            running.ports.tell(DroppedEvent{to_string(*error), 1, std::move(from)});
            continue;
        }
        if (in.peer && !trusted(in, inbound_, running)) continue;
        if (in.source == Source::router && !placed(in.route, running)) continue;
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
        running.interpreter.carry_out(actions);
    }
}

/// Behind a key a sender has one name, and may say what its role allows.
bool NodeShell::trusted(const Inbound& in, const Message& message, Running& running) {
    const PeerIdentity& peer = *in.peer;
    if (peer.id.empty()) {
        transport_->name_peer(in.link, message.header.sender);
    } else if (message.header.sender != peer.id) {
        running.ports.tell(DroppedEvent{"sender-mismatch", 1, transport_->sender_address()});
        return false;
    }
    if (in.source != Source::router || permitted(peer.role, message.body)) return true;
    running.ports.tell(DroppedEvent{"not-permitted", 1, transport_->sender_address()});
    const std::string why =
        "the key of " + peer.id.str() + " has the role " + std::string(to_string(peer.role));
    const auto* hello = std::get_if<Hello>(&message.body);
    const Refuse refuse{RefuseKind::not_allowed, hello != nullptr ? hello->generation : 0,
                        Reason::from(why).value_or(Reason{})};
    static_cast<void>(running.ports.send(in.route, running.node.slave().make(refuse), false));
    return false;
}

/// A candidate that greets may leave its host to us: only here is its address known.
bool NodeShell::placed(Route route, Running& running) {
    auto* hello = std::get_if<Hello>(&inbound_.body);
    if (hello == nullptr) return true;
    const SlaveCore& self = running.node.slave();
    const Url own_poll = self.options().candidate ? self.options().candidate->poll : Url{};
    const SenderHost sender = sender_host(transport_->sender_address(), own_poll);
    const auto fault = [&](CandidateInfo& info) {
        std::string why = complete(info, sender);
        if (why.empty()) return why;
        running.ports.tell(
            DroppedEvent{"bad-endpoint", 1,
                         inbound_.header.sender.str() + " at " + transport_->sender_address() + ": " + why});
        return why;
    };
    if (hello->leader_info && !fault(*hello->leader_info).empty()) hello->leader_info.reset();
    if (!hello->candidate) return true;
    const std::string why = fault(*hello->candidate);
    if (why.empty()) return true;
    const Refuse refuse{RefuseKind::not_allowed, hello->generation,
                        Reason::from(why.substr(0, kMaxReason)).value_or(Reason{})};
    static_cast<void>(running.ports.send(route, self.make(refuse), false));
    return false;
}

/// Right after the node's clock was corrected, and when the system clock asks for it.
void NodeShell::follow(Running& running) {
    if (!system_clock_) return;
    const bool corrected = running.ports.take_clock_published();
    if (!corrected && true_now() < system_clock_->due()) return;
    running.step([&](Actions& out) { system_clock_->update(running.node.slave(), clock_, out); });
}

void NodeShell::take_finished(Running& running) {
    names_.finish();
    saves_->finish();
    readings_->finish();
    if (keys_) {
        if (const auto news = keys_->take()) {
            for (const std::string& line : news->complaints) log_.note(Severity::warning, line);
            transport_->adopt(news->ring);
        }
    }
    if (const auto failure = learned_->take_failure()) {
        running.interpreter.on_saved(running.ports.saved(tl::unexpected(*failure)));
    }
}

/// Before anything is done after it: the raw clock stood still or jumped meanwhile, and a lease ran out.
void NodeShell::notice_disruption(Running& running) {
    const std::string_view why = running.ports.take_disruption();
    if (why.empty()) return;
    running.step([&](Actions& out) { running.node.slave().disrupt(why, out); });
    // A leader steps down before it hears what came meanwhile: an answer would end a round that began before
    // the sleep.
    running.step([&](Actions& out) { running.node.on_timer(now(), out); });
}

/// The page is published every second, so that readers see that the node runs, and is made anew where
/// somebody removed it.
void NodeShell::tend_page(Running& running) {
    if (!page_) return;
    const auto tended = page_->tend();
    if (!tended && std::exchange(page_trouble_, tended.error()) != tended.error()) {
        log_.note(Severity::warning, tended.error());
    } else if (tended) {
        page_trouble_.clear();
        if (*tended) log_.note(Severity::warning, "clock page: " + page_->path() + " was removed; made anew");
    }
    running.ports.publish_clock();
}

void NodeShell::tell_service(const Running& running) {
    const SlaveCore& slave = running.node.slave();
    const std::string leader =
        slave.leader().empty() ? "no master heard"
        : slave.leader() == slave.options().id
            ? "master of term " + std::to_string(slave.term())
            : "following " + slave.leader().str() + " in term " + std::to_string(slave.term());
    service_.status(std::string(to_string(slave.status())) + ", " + leader);
    service_.alive();
}

/// Another clock source is another oscillator: its rate is not known, and nothing bounds the error meanwhile.
void NodeShell::watch_oscillator(Running& running, TrueTime now) {
    const SlaveCore& slave = running.node.slave();
    if (const auto before = witnesses_.changed_clock_source()) {
        oscillator_ = this_oscillator(witnesses_.clock_source(), options_.clock_drift_ppb);
        const std::string why = "the kernel's clock source is now " + witnesses_.clock_source() +
                                ", and was " + one_line(*before) + ": another oscillator";
        log_.note(Severity::warning, why);
        running.step([&](Actions& out) { running.node.slave().disrupt(why, out); });
        running.step([&](Actions& out) { running.node.on_timer(this->now(), out); });
    }
    const Discipline& clock = slave.discipline();
    if (const auto note = drift_watch_.look(clock.map().rate_ppb, clock.trusted(), now)) {
        log_.note(note->severity, note->text);
    }
}

void NodeShell::housekeeping(Running& running, TrueTime now) {
    housekeeping_at_ = now + kHousekeeping;
    tell_service(running);
    tend_page(running);
    transport_->tend();
    for (const DroppedEvent& drop : transport_->take_drops()) running.ports.tell(drop);
    for (const std::string& line : transport_->take_notes()) log_.note(Severity::warning, line);
    watch_oscillator(running, now);
    if (const auto fed = feed_->feed(running.node.slave(), clock_, machine_clock_); !fed) {
        log_.note(Severity::warning, fed.error());
    }
    if (keys_) keys_->look(KeyDirectory::Thoroughness::changes);
    if (running.ports.take_save_soon()) learned_->hurry();
    if (learned_->due(now)) learned_->save(running.ports.learned(), now);
    log_.tick(running.ports.stamp());
}

}  // namespace berkeley
