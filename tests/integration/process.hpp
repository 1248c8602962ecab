// The harness as the integration tests use it: nodes that tell their logs where a test fails, and what must
// hold of their clocks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/cluster.hpp"

namespace berkeley::test {

using harness::find;
using harness::Finished;
using harness::is;
using harness::Json;
using harness::Process;
using harness::run;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Cluster : public harness::Cluster {
public:
    explicit Cluster(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
    ~Cluster();  ///< prints all logs where the test has failed

    /// What the clock page of a node says.
    struct Reading {
        int status = 0;
        std::int64_t ahead = 0;  ///< of true time, to within `width`
        std::int64_t bound = 0;
        std::int64_t width = 0;  ///< how long the reading took
    };
    Reading read(const std::string& id) const;
    /// There is a time from which none of these clocks is further than its bound says: no two are further
    /// apart than both their bounds together.
    static void expect_bounded(const std::map<std::string, Reading>& readings);
    void expect_bounded(const std::vector<std::string>& ids) const;

    /// Widest difference of the clocks behind these pages at one instant; nothing where one cannot be read or
    /// is not SYNCHRONIZED.
    std::optional<std::int64_t> spread_ns(const std::vector<std::string>& ids) const;
    /// wait_for: all within `limit_ns` and SYNCHRONIZED.
    [[nodiscard]] bool wait_agreement(const std::vector<std::string>& ids, std::int64_t limit_ns = 1'000'000);
};

}  // namespace berkeley::test
