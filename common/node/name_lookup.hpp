// NameLookup: looks host names up for a transport, on a worker of its own, so that a dead name server holds
// up nobody. Not thread-safe; outlives its transport.
#pragma once

#include <memory>
#include <utility>

#include "net/names.hpp"
#include "node/worker.hpp"
#include "os/doorbell.hpp"

namespace berkeley {

class NameLookup {
public:
    /// `doorbell` is rung when finish() has something to do.
    explicit NameLookup(std::shared_ptr<const Doorbell> doorbell) : doorbell_(std::move(doorbell)) {}
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

    /// For TransportOptions.
    LookUp look_up();
    /// Hands over what was found.
    void finish() {
        if (worker_) worker_->finish();
    }

private:
    std::shared_ptr<const Doorbell> doorbell_;
    std::unique_ptr<Worker> worker_;  ///< null until the first name
};

}  // namespace berkeley
