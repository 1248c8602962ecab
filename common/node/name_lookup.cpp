#include "node/name_lookup.hpp"

#include <string>

#include "os/host_lookup.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

LookUp NameLookup::look_up() {
    return [this](const std::string& host, std::function<void(Result<Addresses>)> done) {
        // A name that hangs takes a thread for its time: each candidate may have one.
        if (!worker_) {
            worker_ = std::make_unique<Worker>(doorbell_, Worker::Options{.threads = kMaxCandidates});
        }
        return worker_->submit([host, done = std::move(done)]() -> Worker::Finish {
            return [done, found = look_up_host(host)] { done(found); };
        });
    };
}

}  // namespace berkeley
