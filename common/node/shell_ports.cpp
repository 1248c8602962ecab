#include "node/shell_ports.hpp"

#include <algorithm>

#include "protocol/candidate_address.hpp"

namespace berkeley {
namespace {

/// The next probe of a burst comes within it; one that wakes sleeping CPUs takes about so long.
constexpr Duration kProbeAwake = std::chrono::microseconds{200};

}  // namespace

RouteSend ShellPorts::send(Route route, const Message& message, bool stamped) {
    encode(message, encoded_);
    const Sent sent = parts_.transport.send(route, encoded_);
    if (sent.ok() && stamped && parts_.waker != nullptr) parts_.waker->hold(kProbeAwake);
    using Outcome = RouteSend::Outcome;
    const Outcome outcome = sent.ok()                                  ? Outcome::sent
                            : sent.outcome == SendOutcome::unreachable ? Outcome::gone
                                                                       : Outcome::lost;
    return {outcome, sent.stamp};
}

void ShellPorts::send(Link link, const Message& message) {
    encode(message, encoded_);
    static_cast<void>(parts_.transport.send(link, encoded_));
    if (parts_.waker != nullptr && std::holds_alternative<Reply>(message.body)) {
        parts_.waker->hold(kProbeAwake);
    }
}

void ShellPorts::publish(Channel channel, const Message& message) {
    encode(message, encoded_);
    parts_.transport.publish(channel, topic_of(channel == Channel::heartbeat, message), encoded_);
}

void ShellPorts::connect(Link link, const Url& poll) {
    complain(parts_.transport.connect_link(link, to_connect(poll).view()));
}

void ShellPorts::subscribe(Link link, const Url& publish, const Url& heartbeat) {
    complain(parts_.transport.subscribe_link(link, to_connect(publish).view(), to_connect(heartbeat).view(),
                                             node_.slave().options().id));
}

void ShellPorts::complain(const Result<void>& result) {
    if (!result) parts_.log.note(Severity::warning, result.error());
}

void ShellPorts::publish_clock() {
    clock_published_ = true;
    if (parts_.page == nullptr) return;
    const SlaveCore& slave = node_.slave();
    const Discipline& clock = slave.discipline();
    PageContent content;
    content.generation = slave.generation();
    content.map = parts_.clock.on_true(clock.map());
    content.bound = clock.measurement_bound();
    content.bound_at = parts_.clock.true_time(clock.measured_at());
    content.rho_ppb = clock.drift_ppb();
    content.valid_for = std::min(clock.valid_for(), clock.reach());
    content.holdover_for = clock.reach() - content.valid_for;
    content.status = slave.status();
    content.term = slave.corrected_term();
    content.round = slave.applied_round();
    if (const auto since = slave.suspect_since()) content.suspect_since = parts_.clock.true_time(*since);
    content.step = clock.jumps() != jumps_published_;
    jumps_published_ = clock.jumps();
    parts_.page->publish(content);
}

Saved ShellPorts::save() {
    const SlaveCore& slave = node_.slave();
    const ElectorMemory& memory = slave.elector().memory();
    Promises& promises = parts_.promises;
    promises.id = slave.options().id;
    promises.term = memory.term;
    promises.voted_for = memory.voted_for;
    promises.committee = memory.committee;
    promises.timeout = memory.timeout;
    return saved(parts_.state.save(promises));
}

Saved ShellPorts::saved(const Result<void>& result) {
    if (!result && !save_failed_) parts_.log.note(Severity::error, result.error());
    save_failed_ = !result;
    if (result) return {};
    return {Saved::Outcome::failed, result.error()};
}

Learned ShellPorts::learned() const {
    const SavedRate rate = node_.slave().discipline().rate_to_save();
    return {rate.ppb, rate.skew_ppb, parts_.oscillator,
            node_.slave().directory().descriptions(parts_.clock.now())};
}

bool ShellPorts::slept() {
    if (const std::string_view why = parts_.witnesses.look(); !why.empty()) disrupted_ = why;
    return !disrupted_.empty();
}

std::string_view ShellPorts::take_disruption() {
    return slept() ? std::exchange(disrupted_, {}) : std::string_view{};
}

EventStamp ShellPorts::stamp() const {
    const SlaveCore& slave = node_.slave();
    const TrueTime now = true_now();
    return {slave.term(), now, slave.discipline().map().cluster(parts_.clock.raw(now))};
}

}  // namespace berkeley
