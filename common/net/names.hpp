// Names: the numeric addresses of host names. libzmq gets nothing else, so neither its I/O thread nor our
// loop ever waits for a name server.
//
//   want() --> LookUp, on other threads --> answered(), on the loop --> addresses()
//
// A name is looked up while somebody wants it, one look-up at a time, each later than the one before. A
// look-up that fails leaves the addresses as they are. A name that does not resolve is told in one line, once
// a minute at most. No network and no clock in here. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley {

/// Numeric, as a URL has it: an IPv6 address is in brackets.
using Address = std::string;
using Addresses = std::vector<Address>;

/// Begins to look up a host and returns at once; false: too much waits already. Later it calls `done` with at
/// least one address, or why there is none, on the loop's thread and not from within this call.
using LookUp = std::function<bool(const std::string& host, std::function<void(Result<Addresses>)> done)>;

/// More addresses of one name are not tried.
inline constexpr std::size_t kMaxAddresses = 16;

/// Whether this host of a URL is an address and no name.
bool is_numeric(std::string_view host);

/// One name.
class HostName {
public:
    explicit HostName(std::string host) : host_(std::move(host)) {}
    const std::string& host() const { return host_; }

    /// Empty until the first look-up has succeeded.
    const Addresses& addresses() const { return addresses_; }
    /// The address at which somebody answered last; empty: none yet.
    const Address& worked() const { return worked_; }
    /// Somebody answers at this address, so nobody needs another one.
    void works_at(const Address& address);

    /// The addresses are missing, or nobody answers at them.
    void want() { wanted_ = true; }
    bool due(RawTime now) const { return wanted_ && !pending_ && now >= again_at_; }
    void begun(RawTime now);
    void answered(Result<Addresses> answer);
    /// The line for the log, where there is something to tell.
    std::optional<std::string> complaint(RawTime now);
    bool pending() const { return pending_; }

private:
    std::string host_;
    Addresses addresses_;
    Address worked_;
    std::string error_;  ///< of the last look-up
    bool wanted_ = false;
    bool pending_ = false;
    RawTime begun_at_ = RawTime::min();
    RawTime again_at_ = RawTime::min();
    RawTime told_at_ = RawTime::min();
    Duration wait_{};  ///< between two look-ups
};

/// All names that the links of a transport use.
class Names {
public:
    /// Without a LookUp no name resolves.
    explicit Names(LookUp look_up = {}) : look_up_(std::move(look_up)) {}

    std::shared_ptr<HostName> find(const std::string& host);
    /// Begins look-ups that are due. To be called once a second, and where a name is wanted at once.
    void tend(RawTime now);
    std::vector<std::string> complaints(RawTime now);
    /// True: a look-up has ended since the last call.
    bool take_news() { return std::exchange(*news_, false); }

private:
    LookUp look_up_;
    std::map<std::string, std::shared_ptr<HostName>, std::less<>> names_;
    /// Outlives us in look-ups that are under way.
    std::shared_ptr<bool> news_ = std::make_shared<bool>(false);
};

}  // namespace berkeley
