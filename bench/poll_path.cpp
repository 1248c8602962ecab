#include <algorithm>

#include "bench/path.hpp"
#include "bench/peer.hpp"
#include "keys/curve_keys.hpp"

namespace berkeley::bench {

namespace {

using harness::Json;
using harness::TemporaryFolder;

class ProductPath final : public PollPath {
public:
    ProductPath(Wire wire, bool placed, TemporaryFolder folder)
        : wire_(wire), placed_(placed), folder_(std::move(folder)) {}

    Result<void> open() {
        Words words{folder_.path()};
        for (const char* channel : {"poll", "publish", "heartbeat"})
            words.push_back(endpoint_of(wire_, channel));
        if (wire_ == Wire::tcp_curve) {
            if (const auto made = make_keys(); !made) return made;
            words.insert(words.end(), {folder_.file("master.secret"), folder_.file("authorized")});
        }
        // An inproc slave is a thread of the prober's, and each of the two goes to its own CPUs by
        // itself.
        const bool one_process = wire_ == Wire::inproc;
        auto prober = start_peer("prober", words, placed_ && !one_process ? End::here : End::anywhere);
        if (!prober) return failure(prober.error());
        prober_ = std::move(*prober);
        const auto bound = said("poll");
        if (!bound) return failure(bound.error());
        if (!one_process) {
            if (const auto started = start_slave((*bound)["poll"]); !started) return started;
        }
        const auto welcomed = said("welcomed");
        return welcomed ? Result<void>{} : failure(welcomed.error());
    }

    std::string name() const override { return name_of("poll", wire_); }

    std::vector<Duration> probe(std::uint64_t count) override {
        std::vector<Duration> trips;
        const Json done = burst(count);
        for (const Json& trip : done["trips"]) trips.emplace_back(trip.get<std::int64_t>());
        return trips;
    }

    std::vector<ProbeStamps> exchange(std::uint64_t count) override {
        std::vector<ProbeStamps> probes;
        const Json done = burst(count);
        for (const Json& stamps : done["stamps"]) {
            const auto at = [&](std::size_t i) { return from_ns<RawTime>(stamps[i].get<std::int64_t>()); };
            probes.push_back({at(0), at(1), at(2), at(3)});
        }
        return probes;
    }

private:
    Json burst(std::uint64_t count) {
        prober_->tell(std::to_string(count));
        // The prober itself gives up after kProbeTimeout.
        return said("trips").value_or(Json{});
    }

    Result<Json> said(const char* key) {
        auto heard = hear(*prober_, key, std::chrono::duration_cast<harness::milliseconds>(kConnectTimeout));
        if (!heard) return failure(name() + ": " + heard.error());
        return heard;
    }

    Result<void> start_slave(const std::string& poll) {
        harness::Launch launch{
            .program = harness::beside_this_program("berkeley-slave"),
            .arguments = {"--id", "bench-slave", "--cluster", bench_cluster().str(), "--master", poll,
                          "--clock-page", "none", "--state-dir", folder_.file("slave-state")}};
        if (placed_) launch.cpus = cpus_of(End::peer);
        if (wire_ == Wire::tcp_curve) {
            launch.arguments.insert(launch.arguments.end(),
                                    {"--secret-key-file", folder_.file("slave.secret"), "--server-key",
                                     folder_.file("master.key")});
        }
        auto slave = harness::Process::start(launch);
        if (!slave) return failure(slave.error());
        slave_ = std::move(*slave);
        return {};
    }

    Result<void> make_keys() {
        const auto make = [&](const char* name, AccessRole role) -> Result<void> {
            const auto pair = generate_keys();
            if (!pair) return failure(pair.error());
            const NodeId id = node_id(std::string("bench-") + name);
            const KeyCard card{pair->public_key, id, role};
            const std::string file = folder_.file(name);
            return write_own_keys(file + ".secret", id, *pair).and_then([&] {
                return write_key_card(file + ".key", card);
            });
        };
        if (const auto made = make("master", AccessRole::candidate); !made) return made;
        if (const auto made = make("slave", AccessRole::slave); !made) return made;
        std::error_code error;
        std::filesystem::create_directory(folder_.file("authorized"), error);
        std::filesystem::copy(folder_.file("slave.key"), folder_.file("authorized/slave.key"), error);
        return error ? failure(folder_.file("authorized") + ": " + error.message()) : Result<void>{};
    }

    Wire wire_;
    bool placed_;
    TemporaryFolder folder_;
    Peer prober_;
    Peer slave_;
};

}  // namespace

Result<std::unique_ptr<PollPath>> make_poll_path(Wire wire, bool placed) {
    auto folder = TemporaryFolder::create("berkeley-bench");
    if (!folder) return failure(folder.error());
    auto path = std::make_unique<ProductPath>(wire, placed, std::move(*folder));
    if (const auto opened = path->open(); !opened) return failure(opened.error());
    return path;
}

}  // namespace berkeley::bench
