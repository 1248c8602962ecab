#include "slave/candidate_directory.hpp"

#include <algorithm>

#include "protocol/candidate_address.hpp"

namespace berkeley {

namespace {

/// A version above this would leave its owner no room to raise its own.
constexpr std::uint64_t kVersionMax = kTermMax / 2;

auto position(std::vector<CandidateDirectory::Entry>& entries, const NodeId& id) {
    return std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.info.id == id; });
}

auto heard_least(std::vector<CandidateDirectory::Entry>& entries) {
    return std::min_element(entries.begin(), entries.end(),
                            [](const auto& a, const auto& b) { return a.heard_at < b.heard_at; });
}

bool same_endpoints(const CandidateInfo& a, const CandidateInfo& b) {
    return a.priority == b.priority && a.poll == b.poll && a.publish == b.publish &&
           a.heartbeat == b.heartbeat;
}

}  // namespace

bool same_description(const CandidateInfo& a, const CandidateInfo& b) {
    return a.id == b.id && a.version == b.version && same_endpoints(a, b);
}

CandidateDirectory::CandidateDirectory(const NodeId& self, std::optional<CandidateInfo> own,
                                       const std::vector<CandidateInfo>& saved, RawTime now)
    : self_(self), own_(std::move(own)) {
    if (own_) own_->version = 1;
    for (const CandidateInfo& info : saved) {
        if (info.id != self_) {
            hear(info, Source::hearsay, now);
        } else if (own_) {
            own_->version = info.version + (same_endpoints(*own_, info) ? 0 : 1);
        }
    }
}

CandidateDirectory::Change CandidateDirectory::hear(const CandidateInfo& info, Source source, RawTime now) {
    if (info.version > kVersionMax) return Change::none;
    if (info.id == self_) {
        if (!own_ || info.version < own_->version) return Change::none;
        if (info.version == own_->version && same_place(*own_, info)) return Change::none;
        own_->version = info.version + 1;
        return Change::own;
    }
    const Duration age = source == Source::owner ? Duration{0} : std::min(info.age, kCandidateForgotten);
    const RawTime heard_at = now - age;
    if (const auto gone = position(forgotten_, info.id); gone != forgotten_.end()) {
        if (source == Source::hearsay && info.version <= gone->info.version) return Change::none;
        forgotten_.erase(gone);
    }
    if (age >= kCandidateForgotten) return hear_forgotten(info, now);
    const auto known = position(entries_, info.id);
    if (known == entries_.end()) return add(info, heard_at) ? Change::entry : Change::none;
    known->heard_at = std::max(known->heard_at, heard_at);
    CandidateInfo told = info;
    if (source == Source::owner) {
        told.version = std::max(told.version, known->info.version);
    } else if (told.version <= known->info.version) {
        return Change::none;
    }
    if (same_description(told, known->info)) return Change::none;
    known->info = told;
    return Change::entry;
}

CandidateDirectory::Change CandidateDirectory::hear_forgotten(const CandidateInfo& info, RawTime now) {
    const auto known = position(entries_, info.id);
    if (known == entries_.end() || info.version <= known->info.version) return Change::none;
    entries_.erase(known);
    if (forgotten_.size() >= kMaxCandidates) forgotten_.erase(heard_least(forgotten_));
    forgotten_.push_back({info, now});
    return Change::entry;
}

bool CandidateDirectory::add(const CandidateInfo& info, RawTime heard_at) {
    if (entries_.size() >= kMaxCandidates - (own_ ? 1 : 0)) {
        const auto oldest = heard_least(entries_);
        if (heard_at - oldest->heard_at < kCandidateSilent) return false;
        entries_.erase(oldest);
    }
    entries_.push_back({info, heard_at});
    return true;
}

void CandidateDirectory::note_heard(const NodeId& id, RawTime now) {
    if (const auto known = position(entries_, id); known != entries_.end()) known->heard_at = now;
}

bool CandidateDirectory::expire(RawTime now) {
    const auto old = [&](const Entry& e) { return now - e.heard_at >= kCandidateForgotten; };
    std::erase_if(forgotten_, old);
    return std::erase_if(entries_, old) > 0;
}

bool CandidateDirectory::forget(const NodeId& id, RawTime now) {
    const auto known = position(entries_, id);
    if (known == entries_.end()) return false;
    CandidateInfo gone = known->info;
    ++gone.version;
    return hear_forgotten(gone, now) != Change::none;
}

const CandidateDirectory::Entry* CandidateDirectory::find(const NodeId& id) const {
    const auto known =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.info.id == id; });
    return known == entries_.end() ? nullptr : &*known;
}

std::vector<CandidateInfo> CandidateDirectory::living(RawTime now) const {
    std::vector<CandidateInfo> result;
    for (const Entry& e : entries_) {
        if (now - e.heard_at < kCandidateSilent) result.push_back(e.info);
    }
    return result;
}

std::vector<CandidateInfo> CandidateDirectory::descriptions(RawTime now) const {
    std::vector<Entry> sorted = entries_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Entry& a, const Entry& b) { return a.heard_at > b.heard_at; });
    std::vector<CandidateInfo> result;
    if (own_) result.push_back(*own_);
    for (const Entry& e : sorted) {
        if (result.size() == kMaxCandidates) break;
        result.push_back(e.info);
        result.back().age =
            std::clamp<Duration>(now - e.heard_at, Duration{0}, kCandidateForgotten - Duration{1});
    }
    for (const Entry& e : forgotten_) {
        if (result.size() == kMaxCandidates) break;
        result.push_back(e.info);
        result.back().age = kCandidateForgotten;
    }
    return result;
}

}  // namespace berkeley
