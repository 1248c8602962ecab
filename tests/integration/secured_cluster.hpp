// A cluster with keys: a candidate m1, slaves s1 to s4, all by tcp on ports of their own, and what an
// attacker needs to speak to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "keys/credentials.hpp"
#include "keys/curve_keys.hpp"
#include "tests/integration/fake_slave.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {

class Secured : public ::testing::Test {
protected:
    /// `master_wrapper`: see Cluster::wrap().
    explicit Secured(std::vector<std::string> master_options = {},
                     std::vector<std::string> master_wrapper = {});

    /// A key pair in files; `authorized`: the running master knows it at once.
    void make_key(const std::string& id, AccessRole role, bool authorized = true);
    std::string key_file(const std::string& id, const std::string& kind) const {
        return (cluster_.folder() / "keys" / (id + "." + kind)).string();
    }
    std::string authorized() const { return (cluster_.folder() / "authorized").string(); }
    /// What a peer of our own making needs; `trusted`: whose public key it takes for the server's.
    Credentials credentials(const std::string& id, const std::string& trusted = "m1") const;
    std::vector<std::string> options_of(const std::string& id) const;
    Process& start_slave(const std::string& id, std::vector<std::string> extra = {});
    std::unique_ptr<FakeSlave> fake(const std::string& id) {
        return std::make_unique<FakeSlave>(id, poll_, credentials(id));
    }
    Finished ctl(std::vector<std::string> arguments);

    /// By the master.
    std::uint64_t drops(const std::string& reason) const;
    bool dropped(const std::string& reason, std::uint64_t at_least = 1) const {
        return drops(reason) >= at_least;
    }
    /// The honest nodes agree within a millisecond and within what their bounds say, have been synchronised
    /// all the time, and nobody has ended.
    void expect_still_synchronized();
    /// Resident memory of the master.
    std::int64_t master_kib() const;

    Cluster cluster_;
    std::vector<std::string> honest_{"m1", "s1", "s2", "s3", "s4"};
    Process* m1_ = nullptr;
    std::vector<Process*> slaves_;
    std::string poll_;
    std::string publish_;
    std::string heartbeat_;
};

}  // namespace berkeley::test
