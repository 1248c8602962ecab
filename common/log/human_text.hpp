// Each event in plain words, and the words of the enumerations that people and scripts read. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "log/event_log.hpp"

namespace berkeley {

/// In words, without a time: one line.
std::string human_text(const Event& event, const EventStamp& stamp);

/// "round 17: 4 of 5 slaves, average offset +1.2 us, outlier s3 (+4.1 s)"
std::string round_text(const RoundEvent& event);
/// "outlier s3 (+4.1 s)"
std::string outliers_text(const std::vector<PeerResult>& outliers);
/// "s3, s4 and 7 more"
std::string names_text(const std::vector<std::string>& names);

}  // namespace berkeley
