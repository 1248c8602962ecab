#include "tests/integration/secured_cluster.hpp"

#include <fstream>

namespace berkeley::test {

Secured::Secured(std::vector<std::string> master_options, std::vector<std::string> master_wrapper) {
    for (const std::string& id : honest_)
        make_key(id, id == "m1" ? AccessRole::candidate : AccessRole::slave);
    cluster_.equip([this](const std::string& id) { return options_of(id); });
    std::vector<std::string> arguments{
        "--interval",        "250ms",       "--poll",           "tcp://127.0.0.1:0", "--publish",
        "tcp://127.0.0.1:0", "--heartbeat", "tcp://127.0.0.1:0"};
    arguments.insert(arguments.end(), master_options.begin(), master_options.end());
    cluster_.wrap(std::move(master_wrapper));
    m1_ = &cluster_.start(BERKELEY_MASTER_PROGRAM, "m1", std::move(arguments));
    cluster_.wrap({});
    const Json* ready = nullptr;
    EXPECT_TRUE(cluster_.wait_for([&] { return (ready = find(*m1_, "ready")) != nullptr; }));
    if (ready == nullptr) return;
    const Json endpoints = (*ready)["endpoints"];
    poll_ = endpoints["poll"];
    publish_ = endpoints["publish"];
    heartbeat_ = endpoints["heartbeat"];
    for (const std::string& id : honest_) {
        if (id != "m1") slaves_.push_back(&start_slave(id));
    }
    EXPECT_TRUE(cluster_.wait_agreement(honest_));
}

Process& Secured::start_slave(const std::string& id, std::vector<std::string> extra) {
    extra.insert(extra.end(), {"--master", poll_});
    return cluster_.start(BERKELEY_SLAVE_PROGRAM, id, std::move(extra));
}

void Secured::make_key(const std::string& id, AccessRole role, bool authorized_too) {
    EXPECT_EQ(ctl({"keygen", "--id", id, "--role", std::string(to_string(role)), "--out",
                   (cluster_.folder() / "keys").string()})
                  .code,
              0);
    if (authorized_too) {
        EXPECT_EQ(ctl({"authorize", "--dir", authorized(), key_file(id, "key")}).code, 0);
    }
}

Credentials Secured::credentials(const std::string& id, const std::string& trusted) const {
    const auto own = load_own_keys(key_file(id, "secret"));
    const auto server = load_key_card(key_file(trusted, "key"));
    EXPECT_TRUE(own && server);
    return {node_id(id), own->pair,
            *KeyDirectory::open({}, {{server->key, server->id}}, own->pair.public_key)};
}

std::vector<std::string> Secured::options_of(const std::string& id) const {
    std::vector<std::string> options{"--secret-key-file", key_file(id, "secret")};
    const bool candidate = id.front() == 'm';
    options.insert(options.end(),
                   candidate ? std::initializer_list<std::string>{"--authorized-keys", authorized()}
                             : std::initializer_list<std::string>{"--server-key", key_file("m1", "key")});
    return options;
}

Finished Secured::ctl(std::vector<std::string> arguments) { return run(BERKELEYCTL_PROGRAM, arguments); }

std::uint64_t Secured::drops(const std::string& reason) const {
    std::uint64_t count = 0;
    for (const Json& e : m1_->events()) {
        if (is(e, "dropped") && e["reason"] == reason) count += e["count"].get<std::uint64_t>();
    }
    return count;
}

void Secured::expect_still_synchronized() {
    // At work after the attack, not only undisturbed by it: two more rounds.
    const std::size_t before = m1_->events().size();
    const auto rounds = [&] {
        std::size_t count = 0;
        for (std::size_t i = before; i < m1_->events().size(); ++i)
            count += is(m1_->events()[i], "round") ? 1U : 0U;
        return count;
    };
    EXPECT_TRUE(cluster_.wait_for([&] { return rounds() >= 2; }));
    EXPECT_TRUE(cluster_.wait_agreement(honest_));
    cluster_.expect_bounded(honest_);
    EXPECT_EQ(find(*m1_, "exit"), nullptr);
    for (const Process* slave : slaves_) {
        EXPECT_EQ(find(*slave, "exit"), nullptr);
        for (const Json& e : slave->events()) {
            // A restarted slave goes on from its page.
            const bool lost = is(e, "status") && e["status"] != "SYNCHRONIZED" &&
                              e["reason"] != "the clock goes on from its page";
            EXPECT_FALSE(lost) << e.dump();
        }
    }
}

std::int64_t Secured::master_kib() const {
    std::ifstream status("/proc/" + std::to_string(m1_->pid()) + "/status");
    for (std::string word; status >> word;) {
        if (word == "VmRSS:") {
            std::int64_t kib = 0;
            status >> kib;
            return kib;
        }
    }
    return 0;
}

}  // namespace berkeley::test
