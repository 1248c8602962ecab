// KeyWatch: has a worker read the directory of authorised keys, and hands over each keyring when it is read.
//
// One reading is under way at a time, and it alone touches the directory's reader: a directory that hangs, as
// on a network, holds up one thread, and the last keyring stays in force. For the loop's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keys/key_directory.hpp"
#include "node/worker.hpp"

namespace berkeley {

class KeyWatch {
public:
    using Thoroughness = KeyDirectory::Thoroughness;
    struct News {
        std::shared_ptr<const Keyring> ring;  ///< the one in force; the same as before where nothing changed
        std::vector<std::string> complaints;
    };

    /// Requires: `worker` outlives it.
    KeyWatch(Worker& worker, KeyDirectory keys)
        : worker_(worker), keys_(std::make_shared<KeyDirectory>(std::move(keys))) {}

    /// Begins a reading, unless one is under way; to read everything is then made up for after it.
    void look(Thoroughness thoroughness);
    /// A reading that has ended since the last call. After Worker::finish().
    std::optional<News> take();

private:
    struct Progress {
        bool under_way = false;
        std::optional<News> news;
    };

    Worker& worker_;
    std::shared_ptr<KeyDirectory> keys_;  ///< the worker's while a reading is under way
    std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
    bool everything_ = false;
};

}  // namespace berkeley
