#include "net/topics.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

TEST(Topics, AreThoseOfANodeItself) {
    struct Case {
        const char* topic;
        bool publish;
        bool heartbeat;
    };
    for (const Case& c :
         {Case{"round/", true, false}, Case{"heartbeat/", false, true}, Case{"c/s1/", true, false},
          Case{"c/s2/", false, false}, Case{"", false, false}, Case{"c/", false, false},
          Case{"c/s1", false, false}, Case{"c//", false, false}, Case{"c/s1/x/", false, false},
          Case{"d/s1/", false, false}, Case{"round", false, false}, Case{"heartbeat", false, false},
          Case{"/", false, false}}) {
        NodeId id = node_id("s1");
        EXPECT_EQ(may_subscribe(BoundSocket::publish, c.topic, id), c.publish) << c.topic;
        EXPECT_EQ(may_subscribe(BoundSocket::heartbeat, c.topic, id), c.heartbeat) << c.topic;
    }
}

TEST(Topics, WithoutKeysTheFirstTopicOfCorrectionsTellsWhoItIs) {
    NodeId id;
    EXPECT_TRUE(may_subscribe(BoundSocket::publish, "round/", id));
    EXPECT_TRUE(id.empty());
    EXPECT_TRUE(may_subscribe(BoundSocket::publish, "c/s7/", id));
    EXPECT_EQ(id, node_id("s7"));
    EXPECT_TRUE(may_subscribe(BoundSocket::publish, "c/s7/", id));
    EXPECT_FALSE(may_subscribe(BoundSocket::publish, "c/s8/", id));
}

}  // namespace
}  // namespace berkeley
