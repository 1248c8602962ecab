#include "net/address_trial.hpp"

#include <algorithm>

namespace berkeley {
namespace {

using std::chrono::milliseconds;

/// For the connection at the first turn; twice as long at each further one.
constexpr Duration kConnectFirst = milliseconds{500};
constexpr Duration kConnectMost = milliseconds{2000};
/// For the handshake, and for an address that has worked to come back.
constexpr Duration kPatience = milliseconds{2000};

}  // namespace

const Address& AddressTrial::current() const {
    static const Address kNone;
    return addresses_.empty() ? kNone : addresses_[at_];
}

bool AddressTrial::offer(const Addresses& addresses, const Address& preferred, RawTime now) {
    const Address before = current();
    const auto place = [](const Addresses& all, const Address& address) {
        return static_cast<std::size_t>(std::find(all.begin(), all.end(), address) - all.begin());
    };
    addresses_ = addresses;
    at_ = place(addresses_, before);
    if (at_ < addresses_.size()) return false;
    if (established_) {
        addresses_.insert(addresses_.begin(), before);
        at_ = 0;
        return false;
    }
    at_ = place(addresses_, preferred);
    if (at_ == addresses_.size()) at_ = 0;
    tries_ = 0;
    restart(now);
    return !addresses_.empty();
}

bool AddressTrial::move_to(const Address& address, RawTime now) {
    const auto found = std::find(addresses_.begin(), addresses_.end(), address);
    if (found == addresses_.end() || address == current()) return false;
    at_ = static_cast<std::size_t>(found - addresses_.begin());
    restart(now);
    return true;
}

void AddressTrial::restart(RawTime now) {
    established_ = staying_ = false;
    since_ = now;
    due_ = RawTime::max();
    if (!several()) return;
    const std::size_t turn = std::min<std::size_t>(tries_ / addresses_.size(), 2);
    due_ = now + std::min(kConnectFirst * (1 << turn), kConnectMost);
}

bool AddressTrial::next(RawTime now) {
    ++tries_;
    if (several()) at_ = (at_ + 1) % addresses_.size();
    restart(now);
    return several();
}

bool AddressTrial::on_refused(RawTime now) {
    if (!several() || established_ || staying_ || tries_ >= addresses_.size()) return false;
    return next(now);
}

bool AddressTrial::on_lost(RawTime now) {
    if (!established_) return on_refused(now);
    established_ = false;
    staying_ = true;
    tries_ = 0;
    if (several()) due_ = now + kPatience;
    return false;
}

bool AddressTrial::on_time(RawTime now) { return now >= due_ && next(now); }

bool AddressTrial::on_silent(RawTime now) {
    // An address that was taken up a moment ago has had no chance yet.
    const bool had_its_turn = established_ || staying_ || now - since_ >= kPatience;
    if (had_its_turn) return next(now);
    restart(now);
    return false;
}

void AddressTrial::on_connected() {
    // Once only: a peer that hangs up amid each handshake connects again and again.
    if (several() && !established_) due_ = std::max(due_, since_ + kConnectFirst + kPatience);
}

void AddressTrial::on_established() {
    established_ = true;
    staying_ = false;
    tries_ = 0;
    due_ = RawTime::max();
}

}  // namespace berkeley
