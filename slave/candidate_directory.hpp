// CandidateDirectory: the candidates that a node knows: where each one is, and how long ago it was heard.
//
// A description carries a version that only the candidate itself raises. Of two hearsays the higher version
// counts, so views of a third candidate that travel in circles come to rest. The candidate's own word counts
// whatever its version is. A candidate that finds another description of itself with a version not below its
// own (it has lost its memory, or somebody lies) raises its version above that. `age` travels with a
// description: hearsay makes nobody younger. A description that is newer and a day old says that its
// candidate was forgotten on purpose. Slaves and candidates use the same class. Bounded by kMaxCandidates.
// Pure; not thread-safe. Times are raw times.
#pragma once

#include <optional>
#include <vector>

#include "protocol/messages.hpp"

namespace berkeley {

/// A candidate that nobody has heard for so long is forgotten.
inline constexpr Duration kCandidateForgotten = std::chrono::hours{24};
/// A candidate that was silent for so long waits for nobody's turn in a takeover, and makes room where the
/// directory is full.
inline constexpr Duration kCandidateSilent = std::chrono::minutes{1};

/// Whether both descriptions say the same of the candidate. Their ages may differ.
bool same_description(const CandidateInfo& a, const CandidateInfo& b);

class CandidateDirectory {
public:
    enum class Source : std::uint8_t { owner, hearsay };
    /// What a description changed: nothing, an entry that is new or says something else, or this node's own
    /// version.
    enum class Change : std::uint8_t { none, entry, own };

    struct Entry {
        CandidateInfo info;
        RawTime heard_at{};
    };

    /// `own` is set where this node is a candidate. `saved` are the descriptions of an earlier run, its own
    /// among them.
    CandidateDirectory(const NodeId& self, std::optional<CandidateInfo> own,
                       const std::vector<CandidateInfo>& saved, RawTime now);

    Change hear(const CandidateInfo& info, Source source, RawTime now);
    /// The candidate was heard.
    void note_heard(const NodeId& id, RawTime now);
    /// Forgets candidates that nobody has heard for a day. Returns whether there was one.
    bool expire(RawTime now);
    /// Forgets a candidate that is gone, and has the others forget it: returns false where it is not known.
    bool forget(const NodeId& id, RawTime now);

    const Entry* find(const NodeId& id) const;
    const std::optional<CandidateInfo>& own() const { return own_; }
    /// The others, but for forgotten ones, in the order in which they became known.
    const std::vector<Entry>& entries() const { return entries_; }
    /// Those of the others that count in a takeover.
    std::vector<CandidateInfo> living(RawTime now) const;
    /// What others should hear and what is worth saving, with ages: this node first, then those heard last.
    std::vector<CandidateInfo> descriptions(RawTime now) const;

private:
    Change hear_forgotten(const CandidateInfo& info, RawTime now);
    bool add(const CandidateInfo& info, RawTime heard_at);

    NodeId self_;
    std::optional<CandidateInfo> own_;
    std::vector<Entry> entries_;
    std::vector<Entry> forgotten_;  ///< so that hearsay does not bring them back; at most kMaxCandidates
};

}  // namespace berkeley
