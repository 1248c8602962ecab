// A slave of our own making, which says to a master whatever a test wants, in the clear or with a key.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/transport.hpp"
#include "protocol/messages.hpp"

namespace berkeley::test {

RawTime true_raw(const void* = nullptr);
std::unique_ptr<Transport> make_transport(std::optional<Credentials> credentials = std::nullopt);

class FakeSlave {
public:
    FakeSlave(const std::string& id, const std::string& master_url,
              std::optional<Credentials> credentials = std::nullopt);

    /// False: it could not be sent, here and below.
    bool say(const Body& body, Term term = 0) { return say_as(id_, body, term); }
    /// Under a name that may be another's.
    bool say_as(const NodeId& sender, const Body& body, Term term = 0);
    bool send_bytes(std::vector<std::byte> bytes);
    void hello();
    /// Greets until welcomed, and answers what polls there are.
    void step(const std::function<void(const Poll&, Reply, Term)>& answer);
    bool welcomed() const { return welcomed_; }
    /// What was refused last.
    const std::optional<Refuse>& refused() const { return refused_; }

    static constexpr Generation kGeneration = 4711;

private:
    NodeId id_;
    std::unique_ptr<Transport> transport_;
    bool welcomed_ = false;
    std::optional<Refuse> refused_;
};

}  // namespace berkeley::test
