// SimCluster: many nodes of the same cores as the programs, in virtual time, from one seed.
//
// The simulator is a shell like the programs': it carries out the cores' actions over a modelled network and
// modelled oscillators. True time starts at 0; a node's raw time is base + (1 + drift) * true. It knows the
// true state of everything, so that tests can assert it. Same seed, same run, everywhere.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/prng.hpp"
#include "master/candidate_core.hpp"
#include "slave/slave_core.hpp"

namespace berkeley::sim {

struct NetworkModel {
    Duration base = std::chrono::microseconds{50};
    Duration jitter_mean = std::chrono::microseconds{10};  ///< exponential
    double loss = 0;
};

struct NodeSpec {
    std::string id;
    Duration offset{0};   ///< of its clock at true time 0
    double drift_ppm = 0;
    bool candidate = false;
    bool standby = false;
    std::int32_t priority = 100;
    std::vector<std::string> masters;  ///< ids to connect to (--master, --peer)
};

struct Recorded {
    TrueTime at;
    std::string node;
    Event event;
};

class SimCluster {
public:
    explicit SimCluster(std::uint64_t seed, NetworkModel network = {},
                        Duration interval = std::chrono::milliseconds{250});

    void add(const NodeSpec& spec);
    void kill(const std::string& id);
    /// A new process under the old name; what the old one had saved is there (`with_state`) or not.
    void restart(const std::string& id, bool with_state, std::optional<Duration> offset = std::nullopt);
    void pause(const std::string& id);
    void resume(const std::string& id);
    /// Cuts or heals both directions between two nodes.
    void cut(const std::string& a, const std::string& b, bool is_cut = true);

    void run_for(Duration duration);
    /// Runs until the predicate holds, looked at every millisecond; false when `limit` passes first.
    bool run_until(const std::function<bool()>& predicate, Duration limit);

    TrueTime now() const { return now_; }
    SlaveCore& slave(const std::string& id);
    CandidateCore& candidate(const std::string& id);
    bool alive(const std::string& id) const { return nodes_.at(id).alive; }
    ClusterTime clock(const std::string& id) const;
    /// The widest difference between the clocks of all living nodes, now.
    Duration spread() const;
    const std::vector<Recorded>& events() const { return events_; }
    std::uint64_t dropped(const std::string& node, std::string_view reason) const;
    /// Called for every message about to be delivered; false loses it, and it may change the message.
    std::function<bool(const std::string& from, const std::string& to, Message&)> tap;
    /// Runs at every event, for invariants.
    std::function<void()> on_step;

private:
    struct Node {
        NodeSpec spec;
        bool alive = false;
        bool paused = false;
        std::uint64_t life = 0;  ///< of the process; what was sent to an earlier life is lost
        Duration raw_base{0};
        std::unique_ptr<SlaveCore> slave;
        std::unique_ptr<CandidateCore> candidate;
        CandidateMemory memory;
        std::map<Link, Route> links;
        std::map<Link, std::set<std::pair<std::string, Channel>>> subscriptions;
        TrueTime wake = TrueTime::max();
    };
    struct Connection {
        std::string from;
        std::uint64_t from_life;
        Link link;
        std::string to;
    };
    struct Delivery {
        std::string from;
        std::string to;
        std::uint64_t life;
        std::variant<Route, std::pair<Link, Via>> where;
        Message message;
    };
    struct Scheduled {
        TrueTime at;
        std::uint64_t order;
        Delivery delivery;
        bool operator>(const Scheduled& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    void begin(Node& node, std::optional<Duration> offset);
    RawTime raw(const Node& node) const;
    TrueTime true_at(const Node& node, RawTime raw) const;
    void carry_out(Node& node, const Actions& actions);
    void send(const std::string& from, const std::string& to,
              std::variant<Route, std::pair<Link, Via>> where, Message message);
    void publish(Node& node, Channel channel, const Message& message);
    void deliver(const Delivery& delivery);
    void wake(Node& node);
    void rearm(Node& node);
    static std::string url(const std::string& id, const char* what) { return "sim://" + id + "/" + what; }
    static std::string host(const Url& url);

    Prng prng_;
    NetworkModel network_;
    Duration interval_;
    TrueTime now_{};
    std::uint64_t order_ = 0;
    std::map<std::string, Node> nodes_;
    std::map<Route, Connection> connections_;
    Route next_route_ = 0;
    std::set<std::pair<std::string, std::string>> cuts_;
    std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> queue_;
    std::vector<Recorded> events_;
};

}  // namespace berkeley::sim
