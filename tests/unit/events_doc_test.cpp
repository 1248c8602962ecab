// docs/EVENTS.md names every field of every event, and none that there is not. (Those of berkeleyctl status
// are compared by an integration test.)

#include <gtest/gtest.h>

#include "log/event_json.hpp"
#include "tests/documented_fields.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

TEST(EventsDocument, NamesTheFieldsOfEachEvent) {
    const NodeId node = node_id("m1");
    const EventStamp stamp{7, TrueTime{5s}, ClusterTime{6s}};
    RoundEvent round;
    round.peers = {{node_id("s1"), 3us, 90us, 45us, -2us, 12, false}};
    CorrectionEvent refused;
    refused.reason = "too large";
    std::vector<std::string> lines{ready_json({}, node, stamp), exit_json(1, "failed", node, stamp),
                                   lost_json(5, node, stamp)};
    for (const Event& event :
         {Event{MemberEvent{}}, Event{RoleEvent{}}, Event{VoteEvent{}}, Event{CommitteeEvent{}}, Event{round},
          Event{refused}, Event{StatusEvent{}}, Event{DroppedEvent{"late", 1, "tcp://10.0.0.1:1"}},
          Event{SystemClockEvent{}}, Event{DeadEndEvent{}}}) {
        lines.push_back(event_json(event, node, stamp));
    }
    auto documented = testing::documented_fields();
    const testing::Fields common = documented["every event"];
    for (const std::string& line : lines) {
        const auto json = nlohmann::json::parse(line);
        const std::string name = json["event"];
        ASSERT_TRUE(documented.contains(name)) << name;
        testing::Fields fields = documented[name];
        fields.insert(common.begin(), common.end());
        EXPECT_EQ(testing::fields_of(json), fields) << name;
        if (name == "round") {
            EXPECT_EQ(testing::fields_of(json["peers"]["s1"]), documented["round.peers"]);
        }
        documented.erase(name);
    }
    for (const char* other :
         {"every event", "round.peers", "berkeleyctl status --json", "berkeleyctl status --json: members"}) {
        EXPECT_EQ(documented.erase(other), 1U) << other;
    }
    EXPECT_TRUE(documented.empty()) << documented.begin()->first << " is no event";
}

}  // namespace
}  // namespace berkeley
