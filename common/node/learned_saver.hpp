// LearnedSaver: has a worker save what a node has learned: soon after its start, then ever more rarely, soon
// after its candidates changed, and at its end.
//
// One save is under way at a time, of what the node had learned when it began: so none overwrites a newer
// one, and a disk that is stuck holds up one thread and nothing else. Times are jittered, since nodes that
// were started together would wait for one disk together. For the loop's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "node/worker.hpp"
#include "state/state_file.hpp"

namespace berkeley {

class LearnedSaver {
public:
    /// Requires: `worker` outlives it.
    LearnedSaver(Worker& worker, std::shared_ptr<const StateFile> file, Prng prng, TrueTime now);

    /// Something was learned that should not be lost: the next due() is true. Looked at once a second, so a
    /// wave of changes is one save.
    void hurry() { hurried_ = true; }
    bool due(TrueTime now) const { return (hurried_ || now >= at_) && !progress_->under_way; }
    /// Requires: due(now).
    void save(Learned learned, TrueTime now);
    /// Why a save failed that has ended since the last call. After Worker::finish().
    std::optional<std::string> take_failure();

    /// Begins the last save. False: an earlier one is stuck, and this one is given up.
    bool save_last(Learned learned);

private:
    struct Progress {
        bool under_way = false;
        std::optional<std::string> failure;
    };

    bool begin(Learned learned);

    Worker& worker_;
    std::shared_ptr<const StateFile> file_;
    std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
    Prng prng_;
    Duration again_;
    TrueTime at_;
    bool hurried_ = false;
};

}  // namespace berkeley
