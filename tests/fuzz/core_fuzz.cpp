// The pure cores against hostile peers: a candidate and a slave get messages, losses and passing time in any
// order. Their own assertions, the sanitizers and what CoreWorld checks are what must hold.
//
// The input is a list of steps; each says how much time passes, and what happens then: a message by its bytes
// as they travel, one made of fields that echo what the cores said (message_maker.hpp), or a while of honest
// life, so that a fuzzer finds the cores in every state that they can be in.

#include "tests/fuzz/core_world.hpp"

namespace {

using namespace berkeley;
using fuzz::CoreWorld;
using Who = CoreWorld::Who;

constexpr std::size_t kMaxSteps = 100;

Link link_of(std::uint8_t flags) { return static_cast<Link>(flags >> 5 & 1U); }
Via via_of(std::uint8_t flags) {
    return (flags & 8U) != 0 ? Via::publish : (flags & 16U) != 0 ? Via::heartbeat : Via::dealer;
}
Who who_of(std::uint8_t flags) { return (flags & 2U) != 0 ? Who::slave : Who::candidate; }

/// What travels is bytes: those that do not decode never reach a core.
bool read(fuzz::Input& input, const ClusterName& cluster, Message& message) {
    const std::uint16_t size = input.word();
    return !decode(input.take(size % 2048), cluster, message);
}

void step(CoreWorld& world, fuzz::Input& input) {
    const std::uint8_t what = input.byte();
    const std::uint8_t flags = input.byte();
    world.pass(Duration{input.word()} * ((flags & 1U) != 0 ? 100'000 : 100));
    const Route route = 1 + (flags >> 6);
    Message message;
    switch (what % 12) {
        case 0:
            return world.run_timers();
        case 1:
            if (read(input, world.cluster(), message)) world.to_route(route, message);
            return;
        case 2:
            if (read(input, world.cluster(), message))
                world.to_link(Who::candidate, link_of(flags), via_of(flags), message);
            return;
        case 3:
            if (read(input, world.cluster(), message))
                world.to_link(Who::slave, link_of(flags), via_of(flags), message);
            return;
        case 4:
            return world.unreachable(route);
        case 5:
            return world.disrupt(who_of(flags));
        case 6: {
            const auto from = static_cast<Route>(input.byte() % (fuzz::kPeers + 2));
            return world.to_route(from, fuzz::MessageMaker(input, world.known()).make());
        }
        case 7: {
            const auto link = static_cast<Link>(input.byte() % (kMaxLinks + 1));
            return world.to_link(who_of(flags), link, via_of(flags),
                                 fuzz::MessageMaker(input, world.known()).make());
        }
        case 8: {
            // A while of honest life, several heartbeats long.
            const std::size_t peers = flags >> 4 & 7U;
            for (int beat = 0; beat < 1 + (flags >> 2 & 3) * 3; ++beat) {
                world.pass(std::chrono::milliseconds{50});
                world.run_timers();
                world.honest_peers(peers);
            }
            return;
        }
        case 9: {
            const Term term = world.term(who_of(flags)) + (flags >> 6);
            return world.lead(who_of(flags), link_of(flags), term,
                              Duration{static_cast<std::int16_t>(input.word())} * 100'000);
        }
        case 10:
            world.pass(std::chrono::seconds{input.word()});
            return world.run_timers();
        default:
            return world.stop_voting(who_of(flags));
    }
}

std::uint64_t run(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    CoreWorld world;
    for (std::size_t steps = 0; !input.empty() && steps < kMaxSteps; ++steps) step(world, input);
    world.finish();
    return world.digest();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::uint64_t digest = run(data, size);
    // A seed must give the same run everywhere; now and then that is checked here.
    if (size % 8 == 1 && run(data, size) != digest) std::abort();
    return 0;
}
