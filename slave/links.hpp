// Links: a node's connections to candidates: which ones it needs, whom it greets, and when a silent one is
// made anew.
//
// There is a link for each endpoint that the user gave and for each candidate of the directory. Two links
// that turn out to lead to one candidate become one; the other rests until the first is silent. A link
// follows its candidate to another endpoint at once where the candidate itself says so, and where others say
// so only when the old endpoint is silent: hearsay cannot cut a link that works. Pure; not thread-safe. Times
// are raw times.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "protocol/actions.hpp"
#include "slave/candidate_directory.hpp"

namespace berkeley {

/// The socket of a link that a message came from.
enum class Via : std::uint8_t { dealer, publish, heartbeat };

struct LinksOptions {
    NodeId id;
    ClusterName cluster;
    std::vector<Url> given;            ///< poll endpoints, at most kMaxCandidates
    std::optional<CandidateInfo> own;  ///< set where this node is a candidate
    std::vector<CandidateInfo> saved;  ///< descriptions of an earlier run
};

class Links {
public:
    Links(const LinksOptions& options, Prng prng, RawTime now);

    void start(RawTime now, Actions& out);
    /// Takes a description of a candidate.
    void hear(const CandidateInfo& info, CandidateDirectory::Source source, RawTime now, Actions& out);
    /// Forgets a candidate on purpose; returns false where it is not known.
    bool forget(const NodeId& id, RawTime now, Actions& out);

    void note_message(Link link, Via via, RawTime now);
    /// The candidate `sender` has welcomed this node over `link`. Returns false where the link is not needed
    /// and was dropped.
    bool on_welcome(Link link, const CandidateInfo& sender, RawTime now, Actions& out);
    /// The peer behind the link turned this node away because of its name. Returns whether that is only
    /// because another link leads to the same candidate.
    bool on_name_in_use(Link link, const NodeId& sender, RawTime now, Actions& out);
    /// Greets again only after `wait`.
    void put_off(Link link, Duration wait, RawTime now);
    /// Says of a link once that its peer has this node's own name. Returns whether it was said before.
    bool own_name_told(Link link) { return std::exchange(links_[link].own_name_told, true); }

    struct Polled {
        bool by_leader = false;  ///< the poller was the leader before, too
        bool new_round = false;
        Duration timeout{0};  ///< D
    };
    /// A master polls this node over the link, so something must come over its SUBs too.
    void on_poll(Link link, const Polled& polled, RawTime now, Actions& out);

    /// Watches the links, and returns those over which a HELLO is due. `polled`: the link over which a master
    /// polls this node.
    std::vector<Link> tend(std::optional<Link> polled, RawTime now, Actions& out);
    /// Every candidate must be greeted as if for the first time.
    void greet_anew();
    /// Every candidate should soon learn what has changed.
    void greet_soon(RawTime now);
    /// Whether heartbeats are subscribed to.
    void set_hears_heartbeats(bool hears, Actions& out);
    RawTime next_deadline() const;

    bool used(Link link) const { return link < links_.size() && links_[link].used; }
    const Url& url(Link link) const { return links_[link].poll; }
    std::vector<Link> connected() const;
    const CandidateDirectory& directory() const { return directory_; }
    /// Changes whenever the directory does.
    std::uint64_t changes() const { return changes_; }

private:
    /// What comes over a SUB, while the leader polls over the DEALER of the same link.
    struct SubscriptionWatch {
        RawTime since{};           ///< last heard, or when the SUB or the watch began
        std::uint32_t rounds = 0;  ///< rounds that began since
        bool told = false;         ///< that it is a dead end
        void begin(RawTime now) { *this = {now, 0, told}; }
    };
    struct State {
        bool used = false;
        bool resting = false;  ///< another link leads to the same candidate
        bool welcomed = false;
        bool silence_told = false;
        bool own_name_told = false;
        Url given;                  ///< by the user; else empty
        Url poll;                   ///< connected to now
        NodeId id;                  ///< of the candidate, once it is known
        std::uint64_t version = 0;  ///< of the description that the link was made by
        RawTime heard_at{};         ///< last heard over the DEALER, or when that was replaced
        RawTime answered_at{};      ///< last heard over the DEALER
        SubscriptionWatch publish;
        SubscriptionWatch heartbeat;
        RawTime hello_at{};
        Duration hello_backoff{0};
    };

    std::optional<Link> link_to(const NodeId& id) const;
    void connect(State state, RawTime now, Actions& out);
    void reconnect(Link link, const Url& poll, RawTime now, Actions& out);
    void move_if_due(Link link, bool at_once, RawTime now, Actions& out);
    void drop(Link link, Actions& out);
    void rest(Link link, const NodeId& id, Actions& out);
    void subscribe(Link link, Actions& out) const;
    void reconcile(RawTime now, Actions& out);
    void note_change(CandidateDirectory::Change change, RawTime now, Actions& out);
    void tell_dead_end(SubscriptionWatch& watch, std::string_view way, const CandidateInfo& info,
                       const Url& url, RawTime now, Actions& out) const;
    void watch_silence(Link link, RawTime now, Actions& out);
    bool is_silent(const State& state, RawTime now) const;
    Url alternative(const State& state) const;

    LinksOptions options_;
    Prng prng_;
    CandidateDirectory directory_;
    bool hears_heartbeats_ = false;
    std::array<State, kMaxLinks> links_{};
    std::uint64_t changes_ = 0;
    RawTime expire_at_;
};

}  // namespace berkeley
