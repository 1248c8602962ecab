// EventTail: the JSON lines that a process writes to a file, as they come. Not thread-safe.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace berkeley::bench {

class EventTail {
public:
    explicit EventTail(std::string path) : path_(std::move(path)) {}

    /// The whole lines that have come since the last call. What is no JSON is left out.
    std::vector<nlohmann::json> take();

private:
    std::string path_;
    std::ifstream file_;
    std::string rest_;  ///< of a line that is not complete yet
};

}  // namespace berkeley::bench
