#include "election/election.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {
namespace {

/// A voter writes its vote to a disk before it gives it, and a shared disk may be slow. A candidate that
/// gave up sooner than the disks answer would make them write the next term, and the next.
constexpr Duration kVotePatience = std::chrono::milliseconds{500};
/// Members greet once a second. A candidate that remembers nothing listens for this long before it believes
/// any of them. It waits as long again for a majority of the voters that they name, before it founds a
/// cluster after all.
constexpr Duration kToldWait = std::chrono::milliseconds{1250};
constexpr Duration kToldMax = std::chrono::seconds{5};
/// Of two leaders of one term that know of each other one takes a later term within this time.
constexpr Duration kRivalPatience = std::chrono::seconds{2};

}  // namespace

Election::Election(const ElectionOptions& options, Elector& elector, Prng prng, RawTime now)
    : options_(options), elector_(elector), prng_(prng) {
    arm(now);
}

bool Election::on_timer(RawTime now) {
    const bool doubt = elector_.take_doubt();  // only a leader relies on promises
    if (leads()) {
        if (elector_.term() > asked_) {
            step_down("a newer term has begun", now);
            return false;
        }
        if (doubt) {
            step_down("the machine was suspended", now);
            return false;
        }
        if (elector_.disabled()) {
            step_down("its promises cannot be saved", now);
            return false;
        }
        if (leadership_.lost(now)) {
            step_down("no majority of the voters answers", now);
            return false;
        }
        if (now < beat_at_) return false;
        if (role_ == Role::master) {
            leadership_.change(now, peers_.empty());
            elector_.adopt(leadership_.committee());
        }
        elector_.record_own_heartbeat(now);
        beat_number_ = leadership_.beat(now);
        beat_at_ = now + options_.heartbeat_interval;
        if (leadership_.committee().voters.size() > 1) founded_ = false;
        return true;
    }
    if (phase_ != Phase::none && now >= ask_at_ && now < deadline_) ask(now);
    if (now < deadline_) return false;
    if (phase_ != Phase::none) {
        fail(now);
    } else if (!elector_.committee().voters.empty()) {
        campaign(Phase::pre_vote, "no heartbeat for too long", now);
    } else if (!options_.standby) {
        found(now);
    } else {
        arm(now);  // a standby that no master has adopted waits without limit
    }
    return leads() && on_timer(now);
}

void Election::found(RawTime now) {
    if (retired_ || defer_founding(now)) return arm(now);
    if (told_since_ && now < *told_since_ + kToldMax) return arm(now);
    const ElectorOptions& self = elector_.options();
    const Term term = elector_.term() + 1;
    asked_ = term;
    if (!elector_.judge(self.id, term, {.committee_term = term, .committee_version = 1}, now).empty()) {
        return arm(now);  // silent after a restart
    }
    elector_.replace({term, 1, {{self.id, self.incarnation}}});
    views_ = {};
    founded_ = true;
    lead(now, "no master heard");
}

void Election::campaign(Phase phase, std::string reason, RawTime now) {
    if (retired_) return arm(now);
    const ElectorOptions& self = elector_.options();
    const Committee& committee = elector_.committee();
    const Term term = phase_ == Phase::pre_vote && phase == Phase::vote ? asked_ : elector_.term() + 1;
    const VoteRequest request{.pre_vote = phase == Phase::pre_vote,
                              .incarnation = self.incarnation,
                              .priority = options_.priority,
                              .committee_term = committee.term,
                              .committee_version = committee.version,
                              .timeout = self.timeout};
    if (const auto why = elector_.judge(self.id, term, request, now); !why.empty()) {
        phase_ = Phase::none;
        return arm(now, 0);
    }
    phase_ = phase;
    asked_ = term;
    granted_.clear();
    refused_.clear();
    if (contains(committee, self.id, self.incarnation)) granted_.insert(self.id);
    leader_ = NodeId{};
    if (role_ != Role::candidate) change(Role::candidate, std::move(reason));
    const auto jitter =
        prng_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(1, options_.jitter.count())));
    const Duration answers = elector_.options().timeout / 2;
    deadline_ = now + (phase == Phase::vote ? std::max(answers, kVotePatience) : answers) +
                Duration{static_cast<std::int64_t>(jitter)};
    ask(now);
    count(now);
}

void Election::ask(RawTime now) {
    const ElectorOptions& self = elector_.options();
    const Committee& committee = elector_.committee();
    ask_at_ = now + options_.heartbeat_interval / 2;
    for (const Voter& voter : committee.voters) {
        if (voter.id == self.id || granted_.contains(voter.id)) continue;
        ballots_.push_back({voter,
                            asked_,
                            {.pre_vote = phase_ == Phase::pre_vote,
                             .incarnation = self.incarnation,
                             .priority = options_.priority,
                             .committee_term = committee.term,
                             .committee_version = committee.version,
                             .timeout = self.timeout}});
    }
}

void Election::on_grant(const NodeId& from, Term term, const Grant& grant, RawTime now) {
    const bool expected = phase_ == (grant.pre_vote ? Phase::pre_vote : Phase::vote) && term == asked_;
    if (!expected || !contains(elector_.committee(), from, grant.incarnation)) return;
    granted_.insert(from);
    count(now);
}

void Election::on_refusal(const NodeId& from, Term term, const Refuse& refusal, RawTime now) {
    if (!seeks_vote_from(from)) return;
    if (refusal.kind == RefuseKind::pre_vote) refused_[from] = refusal.reason.str();
    // The refusal is of this very term, so the vote went to another candidate. Waiting cannot win it back.
    if (refusal.kind != RefuseKind::vote || phase_ != Phase::vote || term != asked_) return;
    refused_[from] = refusal.reason.str();
    if (elector_.committee().voters.size() - refused_.size() < majority(elector_.committee())) fail(now);
}

void Election::count(RawTime now) {
    if (phase_ == Phase::none || elector_.disabled() || granted_.size() < majority(elector_.committee()))
        return;
    if (phase_ == Phase::pre_vote) {
        campaign(Phase::vote, reason_, now);
    } else {
        lead(now, "elected by " + std::to_string(granted_.size()) + " of " +
                      std::to_string(elector_.committee().voters.size()) + " voters");
    }
}

void Election::on_ack(const NodeId& from, Term term, const Ack& ack, bool candidate, RawTime now) {
    if (leads() && term == asked_) leadership_.on_ack(from, ack, candidate, now);
}

void Election::on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now) {
    if (heartbeat.role != Role::master && heartbeat.role != Role::warmup) return;
    if (term < elector_.term() || !elector_.plausible(term) || from == elector_.options().id) return;
    if (leads() && term == asked_) return on_rival(from, heartbeat.priority, term, heartbeat.committee, now);
    on_term(term, from, now);
    follow(from, now);
}

void Election::on_term(Term term, const NodeId& leader, RawTime now) {
    elector_.observe(term);
    const Term newest = elector_.term();
    if (founded_ && newest > asked_ && elector_.committee().term == asked_) {
        // This node founded a cluster beside a living one. Its committee of itself alone must never elect it
        // there.
        elector_.replace({});
        founded_ = false;
    }
    if (leads() && newest > asked_) step_down("a newer term has begun", now);
    if (phase_ != Phase::none && newest >= asked_ + (phase_ == Phase::vote ? 1 : 0)) {
        listen("a newer term has begun", now);
    }
    // A heartbeat or a poll will name the leader of the new term. (A leader leads its own term.)
    if (!leads() && newest > followed_) leader_ = NodeId{};
    // Reports about a term that this node already knows must not revive a leader that fell silent.
    const bool news = term == newest && term > followed_;
    if (news && !leads() && !leader.empty() && leader != elector_.options().id) follow(leader, now);
}

void Election::on_committee(const Voter& from, const Committee& committee, Term term, std::size_t members,
                            RawTime now) {
    if (committee.voters.empty()) return;
    if (!elector_.committee().voters.empty() && !founded_) return learn_committee(from, committee, now);
    const ElectorOptions& self = elector_.options();
    if (contains(committee, self.id, self.incarnation) || !elector_.plausible(std::max(term, committee.term)))
        return;
    if (elector_.term() == 0 && std::max(term, committee.term) > kTermToldFirstMax) return;
    // In an earlier life this node was a cluster alone. Only its term must be exceeded.
    if (std::all_of(committee.voters.begin(), committee.voters.end(),
                    [&](const Voter& v) { return v.id == self.id; }))
        return;
    if (!weigh_report(from, committee, members, now)) return;
    told_.clear();
    told_since_.reset();
    elector_.observe(std::max(term, committee.term));
    if (leads()) step_down("the members belong to a cluster that this node does not remember", now);
    founded_ = false;
    elector_.replace(committee);
}

/// Whether a committee is credible: a majority of its own voters, at least a third of the members (or
/// several), and most of those that name any committee must name this one. Otherwise one liar could invent
/// voters that do not exist.
bool Election::weigh_report(const Voter& from, const Committee& committee, std::size_t members, RawTime now) {
    // In a large cluster only few members are voters.
    constexpr std::size_t kEnough = 3;
    constexpr std::size_t kTellersMax = 4 * kMaxCommittee;
    if (!contains(committee, from.id, from.incarnation)) return false;
    if (!told_.contains(from.id) && told_.size() >= kTellersMax) return false;
    told_[from.id] = {from.incarnation, committee};
    if (!told_since_) told_since_ = now;
    const auto alike =
        static_cast<std::size_t>(std::count_if(told_.begin(), told_.end(), [&](const auto& told) {
            return told.second.second == committee && contains(committee, told.first, told.second.first);
        }));
    if (alike < kEnough && 3 * alike < members) return false;
    return now - *told_since_ >= kToldWait && alike >= majority(committee) && 2 * alike > told_.size();
}

bool Election::seeks_vote_from(const NodeId& voter) const {
    const auto& voters = elector_.committee().voters;
    return phase_ != Phase::none &&
           std::any_of(voters.begin(), voters.end(), [&](const Voter& v) { return v.id == voter; });
}

/// A committee that a leader made counts like its own heartbeat come late, even after a later term began: it
/// is a log entry older than the term. This node acknowledges it to nobody, so it adds to no majority of
/// that leader.
void Election::learn_committee(const Voter& from, const Committee& committee, RawTime now) {
    const Committee& known = elector_.committee();
    // No leader made a committee of a term that this node has not heard of.
    if (leads() || !newer(committee, known) || committee.term > elector_.term()) return;
    if (!contains(known, from.id, from.incarnation) && !contains(committee, from.id, from.incarnation))
        return;
    told_[from.id] = {from.incarnation, committee};
    std::erase_if(told_, [&](const auto& told) { return !newer(told.second.second, known); });
    std::size_t all = 0;      // voters that name the same committee,
    std::size_t before = 0;   // of these, voters of the committee known here,
    std::size_t members = 0;  // and voters of the named committee, this node included
    if (contains(committee, elector_.options().id, elector_.options().incarnation)) ++members;
    for (const auto& [id, told] : told_) {
        if (told.second != committee) continue;
        const bool was = contains(known, id, told.first);
        const bool is = contains(committee, id, told.first);
        all += was || is ? 1U : 0U;
        before += was ? 1U : 0U;
        members += is ? 1U : 0U;
    }
    // Where one of three voters died and one is this node, only one is left to name the committee. Its vote
    // decides anyway, as long as only the voters known here get one.
    const bool same_voters = committee.voters == known.voters && role_ != Role::standby;
    const bool replaced = all > 1 && members >= majority(committee);
    const bool not_all_lie = 3 * before >= known.voters.size();
    if (before < majority(known) && !(not_all_lie && (same_voters || replaced))) return;
    told_.clear();
    elector_.adopt(committee);
    // Grants given under the old committee do not count in the new one.
    if (phase_ != Phase::none) listen("the committee is newer than this node knew", now);
}

void Election::on_step_down(const NodeId& from, Term term, const StepDown& step_down, RawTime now) {
    if (leads() || term != elector_.term() || (!leader_.empty() && from != leader_)) return;
    if (step_down.successor == elector_.options().id) {
        campaign(Phase::vote, from.str() + " handed over", now);
    } else if (phase_ == Phase::none) {
        arm(now);
    }
}

void Election::renew(RawTime now) {
    if (!leads()) return;
    if (elector_.committee().voters.size() > 1) return step_down("the term was used before", now);
    listen("the term was used before", now);
    found(now);
}

/// Resolves two clusters of one term: two candidates each founded one, could not hear each other, and now
/// do. Rounds of that term cannot tell one time from the other. So the one of higher priority takes a later
/// term, whose committee is newer than all that either side knows, and the other steps down. If it is the
/// only voter it forgets its committee, which must not elect it beside the other. A committee with other
/// voters elects nobody without them, so it is kept: a voter that forgot it would vote for older ones.
void Election::on_rival(const NodeId& other, std::int32_t priority, Term term, const Committee& theirs,
                        RawTime now) {
    const NodeId& self = elector_.options().id;
    if (!leads() || term != asked_ || other == self) return;
    const std::string reason = other.str() + " leads the same term";
    const bool alone = elector_.committee().voters.size() <= 1;
    const bool other_alone = theirs.voters.size() <= 1;
    const bool precedes = priority != options_.priority ? priority > options_.priority : other < self;
    if (alone != other_alone ? alone : precedes) {
        // It takes a later term as soon as it hears of this node, and that frees the members of both.
        if (!rival_since_) rival_since_ = now;
        if (now - *rival_since_ < kRivalPatience) return;
        elector_.observe(asked_ + 1);
        if (alone) {
            elector_.replace({});
            told_since_ = now;  // it knows of a cluster and will not found one soon
        }
        return step_down(reason, now);
    }
    elector_.on_step_down(self, asked_);  // the STEPDOWN that ends its leadership frees its voters
    listen(reason, now);
    told_since_.reset();  // that was about the other's cluster: there is nothing to wait for
    if (alone) {
        found(now);
    } else {
        campaign(Phase::vote, reason, now);
    }
}

void Election::on_warm() {
    if (role_ == Role::warmup) change(Role::master, "a majority of the roster replied");
}

void Election::step_down(std::string reason, RawTime now) { listen(std::move(reason), now); }

void Election::hand_over(std::string reason, RawTime now) {
    founded_ = false;
    step_down(std::move(reason), now);
}

void Election::listen(std::string reason, RawTime now) {
    leader_ = NodeId{};
    phase_ = Phase::none;
    change(Role::listen, std::move(reason));
    arm(now);
}

void Election::change(Role role, std::string reason) {
    role_ = role;
    reason_ = std::move(reason);
}

void Election::lead(RawTime now, std::string reason) {
    phase_ = Phase::none;
    rival_since_.reset();
    failures_ = 0;
    complaint_.clear();
    leader_ = elector_.options().id;
    followed_ = asked_;
    leadership_.begin(elector_.options(), options_.heartbeat_interval, elector_.term(), elector_.committee(),
                      now);
    change(Role::warmup, std::move(reason));
    beat_at_ = now;
}

void Election::follow(const NodeId& leader, RawTime now) {
    phase_ = Phase::none;
    founded_ = false;
    failures_ = 0;
    complaint_.clear();
    if (role_ != Role::standby || leader_ != leader) change(Role::standby, "following " + leader.str());
    leader_ = leader;
    followed_ = elector_.term();
    arm(now);
}

void Election::arm(RawTime now, int timeouts) { deadline_ = now + patience(timeouts); }

Duration Election::patience(int timeouts) {
    const NodeId& self = elector_.options().id;
    const auto before_us = [&](const CandidateInfo& peer) {
        if (peer.id == leader_ || peer.id == self) return false;
        return peer.priority != options_.priority ? peer.priority > options_.priority : peer.id < self;
    };
    const auto rank = std::count_if(peers_.begin(), peers_.end(), before_us);
    const auto jitter = static_cast<std::int64_t>(
        prng_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(1, options_.jitter.count()))));
    const Duration least = options_.heartbeat_interval / 2;
    const bool may_found = !options_.standby && elector_.committee().voters.empty();
    const Duration timeout =
        std::max(elector_.options().timeout, may_found ? options_.founding : Duration{0});
    return std::max(least, timeouts * timeout) + rank * options_.stagger + Duration{jitter};
}

Duration Election::lease_left(RawTime now) const {
    if (!has_lease(now)) return Duration{0};
    const RawTime until = leadership_.lease_until();
    return until == RawTime::max() ? elector_.options().lease : until - now;
}

RawTime Election::next_deadline() const {
    if (leads()) return beat_at_;
    return phase_ == Phase::none ? deadline_ : std::min(deadline_, ask_at_);
}

}  // namespace berkeley
