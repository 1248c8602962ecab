#include <fmt/format.h>

#include <iostream>
#include <optional>
#include <thread>

#include "base/prng.hpp"
#include "bench/bench_shell.hpp"
#include "bench/path.hpp"
#include "slave/node.hpp"

namespace berkeley::bench {

namespace {

constexpr Term kTerm = 1;
constexpr std::uint32_t kBurst = 8;

/// A master that only polls: it welcomes one slave, and then sends as many probes as the line that
/// it reads asks for, one at a time. It waits for that line within the loop of its shell: until
/// then nothing else of this process wants the CPU.
class Prober final : public Node {
public:
    Prober(const SlaveCoreOptions& options, CandidateInfo self, NodeShell& shell)
        : shell_(shell),
          self_(std::move(self)),
          core_(options, Prng{1}, shell.now(), shell.initial_time(), SavedRate{}) {}

    void start(RawTime, Actions&) override {}
    void stop(RawTime, Actions&) override {}
    void on_link_message(Link, Via, const Message&, RawTime, Actions&) override {}

    void on_route_message(Route route, const Message& message, RawTime at, Actions& out) override {
        if (const auto* hello = std::get_if<Hello>(&message.body)) {
            out.add(SendToRoute{
                route,
                make(Welcome{hello->generation, Role::master, self_.id, std::chrono::seconds{1}, {self_}})});
            if (!route_) say(R"({"welcomed":true})");
            route_ = route;
            return;
        }
        const auto* reply = std::get_if<Reply>(&message.body);
        if (reply == nullptr || asked_ == 0 || reply->token != token_) return;
        trips_ += fmt::format("{}{}", separator(), (shell_.now() - begun_).count());
        stamps_ += fmt::format("{}[{},{},{},{}]", separator(), to_ns(t1_), to_ns(reply->t2), to_ns(reply->t3),
                               to_ns(at));
        ++answered_;
        if (answered_ == asked_) return end_burst();
        probe(out);
    }

    void on_sent(std::uint64_t, RawTime t1) override { t1_ = t1; }

    void on_timer(RawTime, Actions& out) override {
        if (asked_ > 0) return end_burst();  // the last probe is lost
        std::string order;
        // A parent that is gone ends this process.
        if (!std::getline(std::cin, order)) std::_Exit(0);
        asked_ = std::stoull(order);
        answered_ = 0;
        probe(out);
    }

    RawTime next_deadline() const override {
        if (asked_ > 0) return deadline_;
        return route_ ? RawTime::min() : RawTime::max();
    }

    SlaveCore& slave() override { return core_; }
    const SlaveCore& slave() const override { return core_; }

private:
    Message make(Body body) const { return {{bench_cluster(), self_.id, kTerm}, std::move(body)}; }
    const char* separator() const { return answered_ == 0 ? "" : ","; }

    void probe(Actions& out) {
        begun_ = shell_.now();
        deadline_ = begun_ + kProbeTimeout;
        token_ = prng_.next() | 1;
        ++sequence_;
        out.add(SendToRoute{
            *route_,
            make(Poll{1 + sequence_ / kBurst, static_cast<std::uint32_t>(sequence_ % kBurst), token_}),
            token_});
    }

    void end_burst() {
        asked_ = 0;
        say(fmt::format(R"({{"trips":[{}],"stamps":[{}]}})", trips_, stamps_));
        trips_.clear();
        stamps_.clear();
    }

    NodeShell& shell_;
    CandidateInfo self_;
    SlaveCore core_;
    Prng prng_{2};
    std::optional<Route> route_;
    std::uint64_t asked_ = 0;  ///< probes of this burst; 0: none is under way
    std::uint64_t answered_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t token_ = 0;
    RawTime begun_{};
    RawTime t1_{};
    RawTime deadline_{};
    std::string trips_;
    std::string stamps_;
};

/// The other end of inproc.
void run_slave_thread(const Url& master, const std::filesystem::path& state, const NodeShell& beside) {
    place(End::peer);
    auto shell = NodeShell::create(node_options("bench-slave", state), {}, SuspendDetector{}, &beside);
    if (!shell) return say(fmt::format(R"({{"error":"{}"}})", shell.error()));
    SlaveCoreOptions options = (*shell)->core_options();
    options.masters = {master};
    SlaveNode node(options, (*shell)->seeded(), (*shell)->now(), (*shell)->initial_time(), SavedRate{});
    (*shell)->run(node, {});
}

}  // namespace

/// A folder, three endpoints; with keys also the secret file and the folder of authorised keys.
int run_prober(const Words& words) {
    const std::filesystem::path folder = words.at(0);
    const bool inproc = words.at(1).starts_with("inproc:");
    if (inproc) place(End::here);
    const NodeOptions options = node_options("bench-master", folder / "master-state");
    std::optional<Credentials> credentials;
    if (words.size() > 4) {
        const auto own = load_own_keys(words.at(4));
        if (!own) return complain(own.error());
        auto ring = KeyDirectory::open(words.at(5), {}, own->pair.public_key);
        if (!ring) return complain(ring.error());
        credentials = Credentials{options.id, own->pair, std::move(*ring)};
    }
    auto master = open_master(options, std::move(credentials), {words.at(1), words.at(2), words.at(3)});
    if (!master) return complain(master.error());
    NodeShell& shell = *master->shell;
    const Url poll = master->self.poll;
    std::thread slave;
    if (inproc) slave = std::thread(run_slave_thread, poll, folder / "slave-state", std::cref(shell));
    Prober prober(shell.core_options(), std::move(master->self), shell);
    return shell.run(prober, {});
}

}  // namespace berkeley::bench
