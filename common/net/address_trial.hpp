// AddressTrial: at which of a name's addresses a socket is tried. Pure; plain value.
//
// The next address is tried when one refuses or does not answer in time, at once until each had its turn,
// then ever more patiently. Where somebody answers the trial stays, also over a restart of the other end, and
// leaves that address only when it is silent.
#pragma once

#include <cstddef>

#include "base/time.hpp"
#include "net/names.hpp"

namespace berkeley {

class AddressTrial {
public:
    /// Where to connect to; empty: no address is known.
    const Address& current() const;
    bool several() const { return addresses_.size() > 1; }
    /// The handshake has succeeded and the connection stands.
    bool established() const { return established_; }
    /// When on_time() is to be called.
    RawTime due() const { return due_; }

    // Each returns true where another address is current now; then the caller connects to it.

    /// What the name has now. A current address that is gone from it is left, unless it works.
    bool offer(const Addresses& addresses, const Address& preferred, RawTime now);
    /// Goes to this address.
    bool move_to(const Address& address, RawTime now);
    /// A connection was refused, or could not be made.
    bool on_refused(RawTime now);
    bool on_lost(RawTime now);
    bool on_time(RawTime now);
    /// Nobody answers, though a connection may stand.
    bool on_silent(RawTime now);
    /// Nobody whom we trust is there.
    bool next(RawTime now);

    void on_connected();
    void on_established();
    /// The same address is connected to once more, by a new socket.
    void restart(RawTime now);

private:
    Addresses addresses_;
    std::size_t at_ = 0;
    std::size_t tries_ = 0;  ///< addresses that were left since one worked
    bool established_ = false;
    bool staying_ = false;  ///< the address has worked and is given time to come back
    RawTime since_ = RawTime::min();
    RawTime due_ = RawTime::max();
};

}  // namespace berkeley
