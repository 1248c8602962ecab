// The pure cores against hostile peers: a candidate and a slave get messages, losses and passing time in any order.
// Their own assertions, the sanitizers and the bound on actions are what must hold.
//
// The input is a list of steps; each says how much time passes, what happens, and, for a message, its bytes as they
// travel. So that a fuzzer gets past what only an honest peer could know, a step may have the fields filled in that
// echo what the core said last: generation, token, round, term.

#include <cstdlib>

#include "fuzz/fuzz_input.hpp"
#include "master/candidate_core.hpp"
#include "wire/codec.hpp"

namespace {

using namespace berkeley;
using namespace std::chrono_literals;

constexpr std::size_t kMaxSteps = 200;
constexpr std::size_t kFewMembers = 8;

ClusterName cluster() { return *ClusterName::from("lab"); }

SlaveCoreOptions slave_options(const char* id) {
    SlaveCoreOptions options;
    options.cluster = cluster();
    options.id = node_id(id);
    options.masters = {*Url::from("tcp://10.0.0.9:5250")};
    options.incarnation = 7;
    return options;
}

CandidateOptions candidate_options() {
    CandidateOptions options;
    options.slave = slave_options("m1");
    options.slave.candidate = CandidateInfo{node_id("m1"), 100, *Url::from("tcp://10.0.0.1:5250"),
                                            *Url::from("tcp://10.0.0.1:5251"), *Url::from("tcp://10.0.0.1:5252")};
    options.slave.want_heartbeats = true;
    options.master.max_members = kFewMembers;
    return options;
}

/// What the node said last, for messages that echo it.
struct Echo {
    Term term = 0;
    Generation generation = 0;
    Poll poll;
};

class World {
public:
    World()
        : candidate_(candidate_options(), {}, Prng{1}, now_, ClusterTime{24h}, 0),
          slave_(slave_options("s1"), Prng{2}, now_, ClusterTime{25h}, 0) {
        candidate_.start(now_, out_);
        carry_out();
        slave_.start(now_, out_);
        carry_out();
    }

    void step(fuzz::Input& input) {
        const std::uint8_t what = input.byte();
        const std::uint8_t flags = input.byte();
        now_ += Duration{input.word()} * ((flags & 1U) != 0 ? 100'000 : 100);
        const Route route = 1 + (flags >> 6);
        switch (what % 6) {
            case 0:
                candidate_.on_timer(now_, out_);
                carry_out();
                slave_.on_timer(now_, out_);
                break;
            case 1:
                if (read(input, flags)) candidate_.on_route_message(route, message_, now_, out_);
                break;
            case 2:
                if (read(input, flags)) candidate_.on_link_message(link(flags), via(flags), message_, now_, out_);
                break;
            case 3:
                if (read(input, flags)) slave_.on_message(link(flags), via(flags), message_, now_, out_);
                break;
            case 4:
                candidate_.on_unreachable(route, out_);
                break;
            case 5:
                slave_.disrupt("fuzz", out_);
                break;
        }
        carry_out();
    }

    void finish() {
        candidate_.stop(now_, out_);
        carry_out();
        slave_.stop(out_);
        carry_out();
    }

private:
    static Link link(std::uint8_t flags) { return static_cast<Link>(flags >> 5 & 1U); }
    static Via via(std::uint8_t flags) {
        return (flags & 8U) != 0 ? Via::publish : (flags & 16U) != 0 ? Via::heartbeat : Via::dealer;
    }

    bool read(fuzz::Input& input, std::uint8_t flags) {
        const std::uint16_t size = input.word();
        if (decode(input.take(size % 2048), cluster(), message_)) return false;
        if ((flags & 2U) != 0) message_.header.term = echo_.term;
        if ((flags & 4U) != 0) fill_in();
        return true;
    }

    void fill_in() {
        if (auto* reply = std::get_if<Reply>(&message_.body)) {
            reply->round = echo_.poll.round;
            reply->probe = echo_.poll.probe;
            reply->token = echo_.poll.token;
            reply->t2 = reply->t3 = now_;
        } else if (auto* welcome = std::get_if<Welcome>(&message_.body)) {
            welcome->generation = slave_.generation();
        } else if (auto* correction = std::get_if<Correction>(&message_.body)) {
            correction->generation = slave_.generation();
            correction->target = node_id("s1");
            correction->basis_term = slave_.applied_term();
            correction->basis_round = slave_.applied_round();
            correction->round = slave_.applied_round() + 1;
            correction->measured_at = now_;
        }
    }

    void carry_out() {
        if (out_.size() > kMaxActions) std::abort();
        // What is done to the core in turn may ask for more.
        for (int turn = 0; turn < 8 && !out_.empty(); ++turn) {
            const Actions doing = std::exchange(out_, Actions{});
            for (const Action& action : doing) {
                if (const auto* send = std::get_if<SendToRoute>(&action)) {
                    echo_.term = send->message.header.term;
                    encode(send->message, encoded_);
                    if (const auto* poll = std::get_if<Poll>(&send->message.body)) echo_.poll = *poll;
                    if (send->token != 0) candidate_.on_sent(send->token, now_);
                } else if (const auto* to_link = std::get_if<SendToLink>(&action)) {
                    encode(to_link->message, encoded_);
                } else if (const auto* publish = std::get_if<Publish>(&action)) {
                    echo_.term = publish->message.header.term;
                    encode(publish->message, encoded_);
                }
            }
        }
        if (candidate_.master().roster().size() > kFewMembers) std::abort();
        if (slave_.known_candidates().size() > kMaxCandidates) std::abort();
        for (const SlaveCore* core : std::initializer_list<const SlaveCore*>{&candidate_.slave(), &slave_}) {
            if (core->discipline().map().rate_ppb > kRateMaxPpb || core->discipline().map().rate_ppb < -kRateMaxPpb) {
                std::abort();
            }
        }
    }

    RawTime now_{1h};
    CandidateCore candidate_;
    SlaveCore slave_;
    Actions out_;
    Message message_;
    Encoded encoded_;
    Echo echo_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    World world;
    for (std::size_t steps = 0; !input.empty() && steps < kMaxSteps; ++steps) world.step(input);
    world.finish();
    return 0;
}
