#include "election/election.hpp"

#include <algorithm>

namespace berkeley {

Election::Election(const ElectionOptions& options, Prng prng, Term term, bool adopted, RawTime now)
    : options_(options), prng_(prng), term_(term), adopted_(adopted) {
    arm(now);
}

bool Election::on_timer(RawTime now) {
    if (leads()) {
        if (now < beat_at_) return false;
        if (now - last_beat_ > options_.heartbeat_timeout && !peers_.empty()) {
            // This process was stopped or starved for so long that another may lead by now: listen first.
            step_down("paused for longer than the heartbeat timeout", now);
            return false;
        }
        last_beat_ = now;
        beat_at_ = now + options_.heartbeat_interval;
        return true;
    }
    if (now < deadline_) return false;
    if (role_ == Role::standby) {
        lead(now, "no heartbeat from " + (leader_.empty() ? "a master" : leader_.str()) + " for too long");
    } else if (!options_.standby || adopted_) {
        lead(now, "no master heard");
    } else {
        arm(now);  // a standby that no master has adopted waits for ever
    }
    return leads() && on_timer(now);
}

void Election::on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now) {
    if (heartbeat.role != Role::master && heartbeat.role != Role::warmup) return;
    if (term < term_ || from == options_.id) return;
    if (leads() && term == term_) {
        // Two leaders of one term cannot both go on; both sides know priority and name and decide alike.
        const bool yield = heartbeat.priority != options_.priority ? heartbeat.priority > options_.priority
                                                                   : from < options_.id;
        if (!yield) return;
    }
    follow(term, from, now);
}

void Election::on_term(Term term, const NodeId& leader, RawTime now) {
    if (term <= term_) return;
    if (!leader.empty() && leader != options_.id) {
        follow(term, leader, now);
    } else {
        term_ = term;
        if (leads()) step_down("a newer term has begun", now);
    }
}

void Election::on_step_down(const NodeId& from, Term term, const StepDown& step_down, RawTime now) {
    if (role_ != Role::standby || from != leader_ || term != term_) return;
    if (step_down.successor == options_.id) {
        lead(now, from.str() + " handed over");
    } else {
        arm(now);
    }
}

void Election::on_warm() {
    if (role_ == Role::warmup) change(Role::master, "a majority of the roster replied");
}

void Election::renew(RawTime now) {
    if (leads()) lead(now, "the term was used before");
}

void Election::step_down(std::string reason, RawTime now) {
    leader_ = NodeId{};
    change(Role::listen, std::move(reason));
    arm(now);
}

void Election::change(Role role, std::string reason) {
    role_ = role;
    reason_ = std::move(reason);
}

void Election::lead(RawTime now, std::string reason) {
    ++term_;
    adopted_ = true;
    leader_ = options_.id;
    change(Role::warmup, std::move(reason));
    beat_at_ = now;
    last_beat_ = now;
}

void Election::follow(Term term, const NodeId& leader, RawTime now) {
    const bool news = role_ != Role::standby || leader_ != leader || term_ != term;
    term_ = term;
    leader_ = leader;
    adopted_ = true;
    if (news) change(Role::standby, "following " + leader.str());
    arm(now);
}

void Election::arm(RawTime now) { deadline_ = now + patience(); }

Duration Election::patience() {
    const auto before_us = [&](const CandidateInfo& peer) {
        if (peer.id == leader_ || peer.id == options_.id) return false;
        return peer.priority != options_.priority ? peer.priority > options_.priority : peer.id < options_.id;
    };
    const auto rank = std::count_if(peers_.begin(), peers_.end(), before_us);
    const auto jitter = static_cast<std::int64_t>(
        prng_.below(static_cast<std::uint64_t>(std::max<std::int64_t>(1, options_.jitter.count()))));
    // A node that belonged to a cluster gives its old master time to find it before it stands itself.
    const int timeouts = role_ == Role::listen && adopted_ ? 4 : 1;
    return timeouts * options_.heartbeat_timeout + rank * options_.stagger + Duration{jitter};
}

RawTime Election::next_deadline() const { return leads() ? beat_at_ : deadline_; }

}  // namespace berkeley
