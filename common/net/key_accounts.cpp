#include "net/key_accounts.hpp"

#include <cassert>

namespace berkeley {
namespace {

/// Any bucket is full again by then.
constexpr Duration kForget = std::chrono::minutes{1};

}  // namespace

KeyAccounts::Account& KeyAccounts::of(const PublicKey& key, RawTime now) {
    Account& account = accounts_.try_emplace(key, Account{RateLimit(limits_.messages, now)}).first->second;
    account.seen_at = now;
    return account;
}

KeyAccounts::Admission KeyAccounts::admit(const PublicKey& key, AccessRole role, RawTime now) {
    Account& account = of(key, now);
    if (full(account)) return Admission::too_many;
    const RateLimitOptions& limit = is_node(role) ? limits_.node_admissions : limits_.tool_admissions;
    if (!account.admissions) account.admissions.emplace(limit, now);
    return account.admissions->take(limit, now) == RateLimit::Verdict::pass ? Admission::granted
                                                                            : Admission::too_often;
}

bool KeyAccounts::connected(const PublicKey& key, RawTime now) {
    Account& account = of(key, now);
    if (full(account)) return false;
    ++account.connections;
    return true;
}

void KeyAccounts::disconnected(const PublicKey& key) {
    const auto account = accounts_.find(key);
    assert(account != accounts_.end() && account->second.connections > 0);
    --account->second.connections;
}

RateLimit::Verdict KeyAccounts::message(const PublicKey& key, RawTime now) {
    return of(key, now).messages.take(limits_.messages, now);
}

void KeyAccounts::forget(RawTime now) {
    std::erase_if(accounts_, [&](const auto& entry) {
        return entry.second.connections == 0 && now - entry.second.seen_at > kForget;
    });
}

}  // namespace berkeley
