// Asker: asks several candidates at once, each one question at a time, and repeats it until it is answered or
// the patience ends. One loop and one transport; a dead candidate or name server holds up nobody else. Not
// thread-safe.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/transport.hpp"
#include "node/name_lookup.hpp"
#include "os/os_clock.hpp"
#include "protocol/messages.hpp"

namespace berkeley::ctl {

struct Targets {
    std::vector<std::string> polls{"tcp://127.0.0.1:5250"};  ///< at most kMaxCandidates
    ClusterName cluster;
    Duration timeout = std::chrono::seconds{2};
    std::optional<Credentials> credentials;  ///< nothing: in the clear
};

class Asker {
public:
    using IsAnswer = std::function<bool(const Message&)>;
    struct Ended {
        Link link = 0;
        Result<Message> answer;  ///< the error is one line: no answer, or not of this cluster
    };

    [[nodiscard]] static Result<std::unique_ptr<Asker>> create(const Targets& targets);

    /// The links are numbered as the polls are.
    std::size_t size() const { return links_.size(); }
    const std::string& poll(Link link) const { return links_[link].poll; }
    /// Adds a candidate. False: it is known already, or there are too many.
    bool add(const std::string& poll);

    /// Asks; the answer is the first message that `is_answer` accepts. Requires: no other question to it is
    /// under way.
    void ask(Link link, const Body& question, IsAnswer is_answer);
    /// Waits for the next question that ends; nothing where none does until then.
    [[nodiscard]] std::optional<Ended> next(RawTime until);
    RawTime now() const { return clock_.now(); }

private:
    struct LinkState {
        std::string poll;
        bool asked = false;
        Encoded question;
        IsAnswer is_answer;
        RawTime ask_at{};
        RawTime end{};
        bool failed = false;   ///< the last question had no answer
        bool foreign = false;  ///< another cluster answers there
        std::string note;      ///< why the handshake failed
    };

    explicit Asker(const Targets& targets) : targets_(targets) {}
    Result<void> connect(LinkState state);
    std::optional<Ended> receive();
    std::string why_silent(Link link);

    Targets targets_;
    OsClock clock_;
    std::shared_ptr<const Doorbell> doorbell_ = std::make_shared<Doorbell>();
    NameLookup names_{doorbell_};
    std::unique_ptr<Transport> transport_;
    std::vector<LinkState> links_;
    RawTime tend_at_{};
};

}  // namespace berkeley::ctl
