#include "bench/event_tail.hpp"

namespace berkeley::bench {

std::vector<nlohmann::json> EventTail::take() {
    std::vector<nlohmann::json> events;
    if (!file_.is_open()) file_.open(path_);
    if (!file_) return events;
    char buffer[4096];
    while (file_.read(buffer, sizeof buffer) || file_.gcount() > 0) {
        rest_.append(buffer, static_cast<std::size_t>(file_.gcount()));
    }
    file_.clear();  // the end of the file is only the end for now
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        auto event = nlohmann::json::parse(rest_.begin() + static_cast<std::ptrdiff_t>(begin),
                                           rest_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
        if (event.is_object()) events.push_back(std::move(event));
        begin = end + 1;
    }
    rest_.erase(0, begin);
    return events;
}

}  // namespace berkeley::bench
