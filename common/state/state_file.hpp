// StateFile: what a node must remember across restarts, above all for whom it voted.
//
// A vote is given only after it is on the disk, and a state that cannot be trusted is never guessed: a voter
// that forgot could vote twice in one term, and two masters would lead. So: written to a new file, fsynced,
// renamed over the old one, the directory fsynced; a checksum over the content; and a lock, so that two
// processes never share one directory. The file is one line of JSON and one line with the CRC-32 of the
// first. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

struct SavedState {
    NodeId id;  ///< whose state it is; empty: it was saved before that was told
    Term term = 0;
    Incarnation incarnation = 0;
    std::int64_t freq_ppb = 0;
    std::int64_t freq_skew_ppb = 0;
    std::vector<CandidateInfo> candidates;  ///< at most kMaxCandidates
    NodeId voted_for;                       ///< in `term`; empty: nobody yet
    Committee committee;
    friend bool operator==(const SavedState&, const SavedState&) = default;
};

class StateFile {
public:
    /// Creates the directory where it is missing, and locks it until this object is gone. On a full or
    /// read-only disk it opens too, and save() says why it fails.
    [[nodiscard]] static Result<StateFile> open(const std::filesystem::path& directory);

    StateFile(StateFile&& other) noexcept;
    StateFile& operator=(StateFile&& other) noexcept;
    ~StateFile();

    /// Durable when it returns. Requires: the lists keep their bounds (asserted).
    [[nodiscard]] Result<void> save(const SavedState& state) const;

    /// Nothing where no state was ever saved; an error where there is one that cannot be trusted.
    [[nodiscard]] Result<std::optional<SavedState>> load() const;

    const std::filesystem::path& path() const { return path_; }

private:
    StateFile(std::filesystem::path directory, int directory_fd, int lock_fd);
    std::filesystem::path path_;
    int directory_fd_ = -1;
    int lock_fd_ = -1;
    int lock_error_ = 0;  ///< why there is no lock
};

}  // namespace berkeley
