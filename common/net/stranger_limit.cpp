#include "net/stranger_limit.hpp"

#include <algorithm>

#include "base/endpoint.hpp"

namespace berkeley {
namespace {

constexpr Duration kCost = Duration{std::chrono::seconds{1}} / StrangerLimit::kPerSecond;
constexpr Duration kCredit = kCost * StrangerLimit::kBurst;

bool is_exempt(const std::string& address) {
    return address.empty() || address == "::1" || Endpoint{Scheme::tcp, address, 1, {}}.is_local();
}

}  // namespace

/// Null where too many addresses are known: then the next one is as good as new.
StrangerLimit::Entry* StrangerLimit::of(const std::string& address, RawTime now) {
    if (const auto known = addresses_.find(address); known != addresses_.end()) return &known->second;
    if (addresses_.size() >= kMaxAddresses) return nullptr;
    return &addresses_.emplace(address, Entry{now}).first->second;
}

void StrangerLimit::on_wasted(const std::string& address, RawTime now) {
    if (is_exempt(address)) return;
    Entry* entry = of(address, now);
    if (entry == nullptr) return;
    entry->paid_at = std::min(std::max(entry->paid_at, now) + kCost, now + kCredit);
}

void StrangerLimit::on_member(const std::string& address, RawTime now) {
    if (is_exempt(address)) return;
    if (Entry* entry = of(address, now)) entry->member_until = now + kMemberFor;
}

bool StrangerLimit::cuts(const std::string& address, RawTime now) const {
    const auto known = addresses_.find(address);
    return known != addresses_.end() && known->second.member_until < now &&
           known->second.paid_at - now > kCredit - kCost;
}

void StrangerLimit::forget(RawTime now) {
    std::erase_if(addresses_, [&](const auto& known) {
        return known.second.paid_at <= now && known.second.member_until < now;
    });
}

}  // namespace berkeley
