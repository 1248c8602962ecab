// StrangerLimit: how many handshakes an address may waste, where keys are used.
//
// A handshake costs libzmq's thread a key generation and some multiplications on the curve, before anybody is
// asked whether the key is authorised: a tenth of a millisecond and more. That thread carries everybody's
// messages. So an address that has wasted kBurst handshakes may waste another kPerSecond; its further
// connections are cut as soon as they are accepted, before most of the work. Addresses of members are exempt:
// others may share them. So is this machine's own. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/time.hpp"

namespace berkeley {

class StrangerLimit {
public:
    static constexpr int kBurst = 100;
    static constexpr int kPerSecond = 5;
    /// An address is a member's for so long after the last sign of it.
    static constexpr Duration kMemberFor = std::chrono::minutes{10};
    static constexpr std::size_t kMaxAddresses = 16384;

    /// A connection from there has ended that was never admitted.
    void on_wasted(const std::string& address, RawTime now);
    /// A peer with an authorised key has spoken from there.
    void on_member(const std::string& address, RawTime now);
    /// Whether a new connection from there shall be cut.
    bool cuts(const std::string& address, RawTime now) const;
    /// Forgets what no longer counts. To be called now and then.
    void forget(RawTime now);
    std::size_t size() const { return addresses_.size(); }

private:
    struct Entry {
        RawTime paid_at{};  ///< when all that was wasted is forgiven
        RawTime member_until = RawTime::min();
    };
    Entry* of(const std::string& address, RawTime now);

    std::unordered_map<std::string, Entry> addresses_;
};

}  // namespace berkeley
