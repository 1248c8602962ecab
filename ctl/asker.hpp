// Asker: one question to one candidate, asked again until it is answered or the patience ends. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "io/os_clock.hpp"
#include "io/transport.hpp"
#include "protocol/messages.hpp"

namespace berkeley::ctl {

struct Target {
    std::string poll = "tcp://127.0.0.1:5250";
    ClusterName cluster;
    Duration timeout = std::chrono::seconds{2};
    std::optional<Credentials> credentials;  ///< nothing: in the clear
};

class Asker {
public:
    explicit Asker(const Target& target) : target_(target) {}

    [[nodiscard]] Result<void> connect();
    /// The first answer that `fits`. The error is one line: nobody answered, or not of this cluster.
    [[nodiscard]] Result<Message> ask(const Body& question, const std::function<bool(const Message&)>& fits);

private:
    bool await(const std::function<bool(const Message&)>& fits, RawTime end, Message& answer);

    Target target_;
    OsClock clock_;
    std::unique_ptr<Transport> transport_;
    bool foreign_ = false;
};

}  // namespace berkeley::ctl
