#include "node/learned_saver.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {
namespace {

/// The rate is saved soon, since a node may be killed, and then ever more rarely.
constexpr Duration kFirst = std::chrono::seconds{30};
constexpr Duration kEvery = std::chrono::hours{1};
constexpr double kJitter = 0.25;
/// A save that is under way when the node ends has this long.
constexpr Duration kPatience = std::chrono::milliseconds{100};

Duration jittered(Duration wait, Prng& prng) {
    return Duration{static_cast<std::int64_t>(static_cast<double>(wait.count()) *
                                              prng.uniform(1 - kJitter, 1 + kJitter))};
}

}  // namespace

LearnedSaver::LearnedSaver(Worker& worker, std::shared_ptr<const StateFile> file, Prng prng, TrueTime now)
    : worker_(worker), file_(std::move(file)), prng_(prng), again_(kFirst) {
    at_ = now + jittered(again_, prng_);
}

bool LearnedSaver::begin(Learned learned) {
    progress_->under_way = worker_.submit(
        [file = file_, progress = progress_, learned = std::move(learned)]() -> Worker::Finish {
            return [progress, saved = file->save(learned)] {
                progress->under_way = false;
                if (!saved) progress->failure = saved.error();
            };
        });
    return progress_->under_way;
}

void LearnedSaver::save(Learned learned, TrueTime now) {
    if (!begin(std::move(learned))) return;  // at the next look
    hurried_ = false;
    if (now < at_) return;
    again_ = std::min(2 * again_, kEvery);
    at_ = now + jittered(again_, prng_);
}

std::optional<std::string> LearnedSaver::take_failure() { return std::exchange(progress_->failure, {}); }

bool LearnedSaver::save_last(Learned learned) {
    if (progress_->under_way) {
        worker_.settle(kPatience);
        worker_.finish();
    }
    return !progress_->under_way && begin(std::move(learned));
}

}  // namespace berkeley
