#include "node/system_clock_keeper.hpp"

#include <unistd.h>

#include <cmath>
#include <utility>

#include "base/duration_text.hpp"
#include "os/clock_rivals.hpp"

namespace berkeley {
namespace {

constexpr Duration kTellEvery = std::chrono::milliseconds{900};
/// A rival that acts every second is told of once a minute.
constexpr Duration kRivalEvery = std::chrono::minutes{1};
/// Of the kernel's estimated error, in microseconds: enough to tell kernels apart, and less than a second.
constexpr std::uint64_t kMarkMax = 1'000'000;

std::int64_t ppb(double ppm) { return std::llround(ppm * 1e3); }

EmitEvent note(Severity severity, std::string text) {
    return EmitEvent{NoteEvent{severity, std::move(text)}};
}

Result<void> refuse_rivals(const timex& kernel, const std::string& daemon, std::vector<NoteEvent>& notes) {
    if ((kernel.status & STA_UNSYNC) == 0) {
        if (!daemon.empty()) {
            return failure("--clock system: " + daemon +
                           ", keeps this machine's clock: stop it, or choose --clock virtual");
        }
        notes.push_back({Severity::warning,
                         "the kernel says that its clock is kept (STA_UNSYNC is clear), but no program that "
                         "keeps it is seen: it is taken over once the cluster's time is known"});
    } else if (!daemon.empty()) {
        notes.push_back({Severity::warning, daemon + ", may steer this machine's clock as well: stop it"});
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<SystemClockKeeper>> SystemClockKeeper::start(const NodeOptions& options,
                                                                    std::unique_ptr<SystemClockCalls> calls,
                                                                    const Places& places, std::uint64_t mark,
                                                                    std::vector<NoteEvent>& notes) {
    SystemClock::Options clock;
    clock.claim_sync = options.claim_sync;
    clock.servo.step_threshold = options.step_threshold;
    clock.servo.error_max = options.max_bound;
    clock.servo.patience = kAstrayAfter;
    clock.servo.pull_max_ppm = static_cast<double>(options.max_slew_ppb) * 1e-3;
    clock.nominal_tick = 1'000'000 / ::sysconf(_SC_CLK_TCK);
    clock.mark = 1 + static_cast<std::int64_t>(mark % kMarkMax);
    std::unique_ptr<SystemClockKeeper> keeper{new SystemClockKeeper(std::move(calls), clock)};
    const auto kernel = keeper->system_.look();
    if (!kernel) return failure(kernel.error());
    std::string complaint;
    const auto look = [&] {
        const auto now = keeper->system_.look();
        return now ? KernelMark{now->freq, now->tick, now->esterror} : KernelMark{};
    };
    const std::string owner = "node " + options.id.str() + " of cluster " + options.cluster.str() +
                              ", process " + std::to_string(::getpid());
    auto lock = SystemClockLock::take(places.locks, owner, look, complaint);
    if (!lock) return failure(lock.error());
    keeper->lock_ = std::move(*lock);
    if (!complaint.empty()) notes.push_back({Severity::warning, complaint});
    const auto alone = refuse_rivals(*kernel, running_clock_daemon(places.proc), notes);
    if (!alone) return failure(alone.error());
    if (const auto allowed = keeper->system_.begin(); !allowed) return failure(allowed.error());
    keeper->lock_.tell(keeper->system_.mark());
    if (options.claim_sync) {
        notes.push_back(
            {Severity::info,
             "--claim-sync: while this node is SYNCHRONIZED the kernel calls its clock synchronised; "
             "programs take that for UTC, and the kernel writes it to the hardware clock"});
    }
    return keeper;
}

void SystemClockKeeper::update(SlaveCore& slave, const OsClock& clock, Actions& out) {
    const Discipline& discipline = slave.discipline();
    const TrueMap map = clock.on_true(discipline.map());
    const Duration bound = discipline.bound(clock.raw(calls_->true_now()));
    const auto report = system_.update({map, discipline.jumps(), discipline.trusted(), bound});
    if (!report) {
        due_ = calls_->true_now() + kTellEvery;
        out.add(note(Severity::error, report.error()));
        judge(slave, std::nullopt, bound, out);
        return;
    }
    due_ = report->next;
    lock_.tell(system_.mark());
    tell(*report, out);
    if (!system_.steering()) return;
    judge(slave, report->stepped != Duration{0} ? Duration{0} : report->residual, bound, out);
    const bool happened =
        report->stepped != Duration{0} || report->moved != Duration{0} || !report->rival.empty();
    if (const TrueTime now = calls_->true_now(); happened || now - kTellEvery >= told_at_) {
        told_at_ = now;
        out.add(
            EmitEvent{SystemClockEvent{report->residual, ppb(report->frequency_ppm), ppb(report->plain_ppm),
                                       report->limited, report->stepped, report->moved, rivals_, astray_}});
    }
}

void SystemClockKeeper::tell(const SystemClock::Report& report, Actions& out) {
    const bool stepped = report.stepped != Duration{0};
    if (system_.steering() && !std::exchange(followed_, true)) {
        out.add(note(Severity::info,
                     "CLOCK_REALTIME follows cluster time" +
                         (stepped ? ", after a step of " + signed_duration_text(report.stepped) : "")));
    } else if (report.moved != Duration{0}) {
        ++rivals_;
        out.add(note(Severity::warning, "somebody else moved CLOCK_REALTIME by " +
                                            signed_duration_text(report.moved) +
                                            (stepped ? ": stepped back" : ": slewed back")));
    } else if (stepped) {
        out.add(note(Severity::warning, "CLOCK_REALTIME was stepped by " +
                                            signed_duration_text(report.stepped) +
                                            " to follow cluster time"));
    }
    if (report.tick_refused) {
        out.add(note(Severity::warning,
                     "the kernel refuses ADJ_TICK: CLOCK_REALTIME cannot be moved faster than 500 ppm"));
    }
    if (report.rival.empty()) return;
    ++rivals_;
    const TrueTime now = calls_->true_now();
    if (rivals_ > 1 && now - kRivalEvery < rival_told_at_) return;
    rival_told_at_ = now;
    out.add(note(Severity::warning, "another program steers CLOCK_REALTIME: " + report.rival));
}

/// `residual`: nothing where the kernel could not be asked.
void SystemClockKeeper::judge(SlaveCore& slave, std::optional<Duration> residual, Duration bound,
                              Actions& out) {
    const TrueTime now = calls_->true_now();
    if (residual && std::chrono::abs(*residual) <= bound) {
        off_since_.reset();
        if (std::exchange(astray_, false)) slave.set_astray(false, "CLOCK_REALTIME follows again", out);
        return;
    }
    if (!off_since_) off_since_ = now;
    if (now - *off_since_ < kAstrayAfter || astray_) return;
    astray_ = true;
    slave.set_astray(true,
                     residual ? "CLOCK_REALTIME is " + signed_duration_text(-*residual) + " off"
                              : std::string("CLOCK_REALTIME cannot be set"),
                     out);
}

}  // namespace berkeley
