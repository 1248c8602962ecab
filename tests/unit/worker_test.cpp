#include "node/worker.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <future>
#include <thread>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool rings(const Doorbell& bell, milliseconds patience = seconds{10}) {
    pollfd item{bell.descriptor(), POLLIN, 0};
    return ::poll(&item, 1, static_cast<int>(patience.count())) == 1;
}

class WorkerTest : public ::testing::Test {
protected:
    std::shared_ptr<const Doorbell> bell_ = std::make_shared<Doorbell>();
};

TEST_F(WorkerTest, AJobRunsElsewhereAndItsFinishRunsHere) {
    Worker worker(bell_, {});
    std::thread::id where;
    std::thread::id finished_where;
    ASSERT_TRUE(worker.submit([&]() -> Worker::Finish {
        return [&, here = std::this_thread::get_id()] {
            where = here;
            finished_where = std::this_thread::get_id();
        };
    }));
    ASSERT_TRUE(rings(*bell_));
    worker.finish();
    EXPECT_NE(where, std::this_thread::get_id());
    EXPECT_EQ(finished_where, std::this_thread::get_id());
}

TEST_F(WorkerTest, JobsOfOneThreadRunInOrderAndNoMoreThanTheLimitWait) {
    Worker worker(bell_, {.threads = 1, .jobs_max = 2});
    std::promise<void> started;
    std::promise<void> go;
    std::string order;
    ASSERT_TRUE(worker.submit([&]() -> Worker::Finish {
        started.set_value();
        go.get_future().wait();
        return [&order] { order += 'a'; };
    }));
    started.get_future().wait();
    EXPECT_TRUE(worker.submit([&]() -> Worker::Finish { return [&order] { order += 'b'; }; }));
    EXPECT_TRUE(worker.submit([&]() -> Worker::Finish { return [&order] { order += 'c'; }; }));
    EXPECT_FALSE(worker.submit([&]() -> Worker::Finish { return [&order] { order += 'd'; }; }));
    EXPECT_FALSE(worker.settle(milliseconds{1}));
    go.set_value();
    EXPECT_TRUE(worker.settle(seconds{10}));
    worker.finish();
    EXPECT_EQ(order, "abc");
}

TEST_F(WorkerTest, ItsEndWaitsForNoJobAndThrowsAwayWhatThatReturns) {
    std::promise<void> go;
    const std::shared_future<void> released = go.get_future().share();
    std::promise<void> ended;
    const std::weak_ptr<const Doorbell> bell = bell_;
    {
        Worker worker(std::exchange(bell_, nullptr), {});
        std::promise<void> started;
        ASSERT_TRUE(worker.submit([&started, released, &ended]() -> Worker::Finish {
            started.set_value();
            released.wait();
            ended.set_value();
            return [] { std::abort(); };
        }));
        started.get_future().wait();
    }
    EXPECT_FALSE(bell.expired()) << "the thread that hangs still owns what it needs";
    go.set_value();
    ended.get_future().wait();
}

}  // namespace
}  // namespace berkeley
