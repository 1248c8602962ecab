// StateFile: the state directory of a node: what it must remember over a restart, above all its vote.
//
// A vote is given only after it is on the disk, and a state that cannot be trusted is never guessed: a voter
// that forgot could vote twice in one term, and two masters would lead. So each file is written under another
// name, fsynced and renamed over the old one, and the directory is fsynced; each has a checksum; and a lock
// keeps two processes from sharing a directory. `state` holds the promises, `learned` the rest, so that a
// promise never waits for what can be learned again. Thread-safe where two threads do not save the same kind.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "state/saved_state.hpp"

namespace berkeley {

struct SavedState {
    Promises promises;
    Learned learned;
    /// Why `learned` was not used, in a line: it was damaged. Empty: it was used, or never saved.
    std::string learned_lost;
};

class StateFile {
public:
    /// Creates the directory where it is missing, and locks it until this object is gone. On a full or
    /// read-only disk it opens too, and save() says why it fails.
    [[nodiscard]] static Result<StateFile> open(const std::filesystem::path& directory);

    /// For a node that nobody will start again under its name: load() finds nothing and save() keeps nothing.
    [[nodiscard]] static StateFile nowhere() { return {std::filesystem::path{}, -1, -1}; }

    StateFile(StateFile&& other) noexcept;
    StateFile& operator=(StateFile&& other) noexcept;
    ~StateFile();

    /// Durable when it returns. Requires: the lists keep their bounds (asserted).
    [[nodiscard]] Result<void> save(const Promises& promises) const;
    [[nodiscard]] Result<void> save(const Learned& learned) const;

    /// Nothing where no promises were ever saved; an error where they cannot be trusted. An earlier release
    /// saved both kinds in one file: what was learned is then put into its own, since the next save of the
    /// promises drops it.
    [[nodiscard]] Result<std::optional<SavedState>> load() const;

    /// Empty: nowhere.
    const std::filesystem::path& directory() const { return directory_; }

private:
    StateFile(std::filesystem::path directory, int directory_fd, int lock_fd);
    Result<void> write(const char* name, const char* new_name, const std::string& text) const;
    /// Nothing where there is no such file.
    Result<std::optional<std::string>> read(const char* name) const;

    std::filesystem::path directory_;
    int directory_fd_ = -1;
    int lock_fd_ = -1;
    int lock_error_ = 0;  ///< why there is no lock
};

}  // namespace berkeley
