// ClockPageWriter: publishes a node's clock in shared memory for the applications of the machine, which
// read it through berkeley/clock.h. clock_page_layout.h tells the protocol that keeps time from running
// backward for any reader.
//
// Invariants: one writer per page, kept by a file lock that dies with the process; between two publications
// without `step` the page's time never falls; the disruption count never falls. It starts at random, so that
// the counts of two files of one name are never taken for one another.
// Not thread-safe: one thread publishes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/true_map.hpp"
#include "page/clock_page_layout.h"
#include "protocol/messages.hpp"

namespace berkeley {

struct PageContent {
    Generation generation = 0;
    TrueMap map;
    Duration bound{0};         ///< half-width of the error at bound_at, >= 0, without what is unslewed
    TrueTime bound_at{};       ///< when the bound was measured
    std::int64_t rho_ppb = 0;  ///< growth of the bound from then on
    Duration valid_for{0};     ///< from bound_at; then readers report HOLDOVER by themselves
    Duration holdover_for{0};  ///< from the end of valid_for; then UNSYNCHRONIZED
    ClockStatus status = ClockStatus::unsynchronized;
    Term term = 0;  ///< in which the clock was last corrected
    Round round = 0;
    TrueTime suspect_since{};  ///< since when the others disagree with this clock; 0: they agree
    bool step = false;         ///< the clock may jump here, backward too; the disruption count rises
};

/// The clock that an earlier process left in its page: the same boot, time namespace and cluster, still
/// bounded by its own deadline, and the machine has not slept since.
struct PageMemory {
    TrueMap map;
    Duration bound{0};  ///< at bound_at, without what is unslewed
    TrueTime bound_at{};
    std::int64_t rho_ppb = 0;
    Term term = 0;
};

class ClockPageWriter {
public:
    struct Options {
        /// Name of the cluster: the page of another one is not gone on from.
        std::string cluster;
        /// Remove the page only where no node will take it over: for readers that still map it, a removed
        /// page ages to UNSYNCHRONIZED and never comes back.
        bool remove_at_end = false;
    };

    /// Creates the page, with its folders, or takes over an existing one. The takeover of a page that can be
    /// trusted keeps its time monotonic where the new clock is less than kTakeoverGapMax away; otherwise it
    /// is a step. It fails where the file belongs to somebody else, is a link, does not have the size of a
    /// clock page, or has a living writer.
    [[nodiscard]] static Result<ClockPageWriter> create(const std::string& path, Options options);
    [[nodiscard]] static Result<ClockPageWriter> create(const std::string& path) {
        return create(path, Options{});
    }

    ClockPageWriter(ClockPageWriter&& other) noexcept;
    ClockPageWriter& operator=(ClockPageWriter&& other) noexcept;
    ~ClockPageWriter();

    void publish(const PageContent& content);

    /// What a restarted node may go on from; nothing after the first publication.
    [[nodiscard]] std::optional<PageMemory> memory() const;

    /// Makes the page anew where its file was removed or replaced, and leads the readers of the old file
    /// over. True where it did. To be called about once a second.
    [[nodiscard]] Result<bool> tend();

    /// The number of steps that readers were told of, including those of earlier writers of the page.
    std::uint32_t disruptions() const { return disruptions_; }

    const std::string& path() const { return path_; }

    static constexpr Duration kTakeoverGapMax = std::chrono::seconds{1};

private:
    ClockPageWriter(std::string path, int fd, berkeley_page* page, Options options);
    void adopt();
    [[nodiscard]] bool goes_on_here() const;
    void begin_update() const;
    void store(const berkeley_page& words);
    void apply_floor(berkeley_page& next, TrueTime now, bool step);
    void release() noexcept;

    std::string path_;
    Options options_;
    int fd_ = -1;
    berkeley_page* page_ = nullptr;
    berkeley_page last_{};  ///< what the page holds, from our own memory
    std::uint64_t sequence_ = 0;
    std::uint32_t disruptions_ = 0;

    enum class Past : std::uint8_t {
        none,     ///< nobody can have read a time from this page
        ours,     ///< last_ was published by this writer
        adopted,  ///< last_ was published by an earlier process
        torn,     ///< an earlier process left something that cannot be gone on from
    };
    Past past_ = Past::none;
};

}  // namespace berkeley
