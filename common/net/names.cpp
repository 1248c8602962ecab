#include "net/names.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace berkeley {
namespace {

using std::chrono::seconds;

/// Between two look-ups of a name at which nobody answers: twice as long each time.
constexpr Duration kWaitFirst = seconds{1};
constexpr Duration kWaitMost = seconds{16};
/// A look-up that takes longer is told.
constexpr Duration kLongLookUp = seconds{1};
constexpr Duration kTellEvery = seconds{60};
/// Names that nobody uses any more are kept up to this many.
constexpr std::size_t kMaxUnused = 32;

}  // namespace

bool is_numeric(std::string_view host) {
    if (!host.empty() && host.front() == '[') return true;
    in_addr address{};
    return ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

void HostName::works_at(const Address& address) {
    worked_ = address;
    wanted_ = false;
    wait_ = Duration{0};
    again_at_ = RawTime::min();
}

void HostName::begun(RawTime now) {
    pending_ = true;
    wanted_ = false;
    begun_at_ = now;
    wait_ = std::clamp(2 * wait_, kWaitFirst, kWaitMost);
    again_at_ = now + wait_;
}

void HostName::answered(Result<Addresses> answer) {
    pending_ = false;
    if (!answer) {
        error_ = std::move(answer.error());
        return;
    }
    error_.clear();
    addresses_ = std::move(*answer);
    if (addresses_.size() > kMaxAddresses) addresses_.resize(kMaxAddresses);
}

std::optional<std::string> HostName::complaint(RawTime now) {
    const bool slow = pending_ && now - begun_at_ >= kLongLookUp;
    if (!slow && error_.empty()) return std::nullopt;
    if (told_at_ != RawTime::min() && now - told_at_ < kTellEvery) return std::nullopt;
    told_at_ = now;
    return "cannot resolve the name " + host_ + ": " +
           (error_.empty() ? "no answer from the name server yet" : error_) +
           (addresses_.empty() ? "; still trying" : "; its last addresses are kept");
}

std::shared_ptr<HostName> Names::find(const std::string& host) {
    if (const auto found = names_.find(host); found != names_.end()) return found->second;
    if (names_.size() >= kMaxUnused) {
        std::erase_if(names_, [](const auto& entry) { return entry.second.use_count() == 1; });
    }
    return names_.emplace(host, std::make_shared<HostName>(host)).first->second;
}

void Names::tend(RawTime now) {
    for (const auto& [host, name] : names_) {
        // Used by somebody else than us.
        if (name.use_count() == 1 || !name->due(now)) continue;
        if (!look_up_) {
            name->begun(now);
            name->answered(failure("names cannot be looked up here"));
            *news_ = true;
            continue;
        }
        const bool begun = look_up_(host, [name = name, news = news_](Result<Addresses> answer) {
            name->answered(std::move(answer));
            *news = true;
        });
        if (begun) name->begun(now);
    }
}

std::vector<std::string> Names::complaints(RawTime now) {
    std::vector<std::string> lines;
    for (const auto& [host, name] : names_) {
        if (name.use_count() == 1) continue;
        if (auto line = name->complaint(now)) lines.push_back(std::move(*line));
    }
    return lines;
}

}  // namespace berkeley
