#include "tests/integration/fake_slave.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "os/os_clock.hpp"
#include "wire/codec.hpp"

namespace berkeley::test {

RawTime true_raw(const void*) { return RawTime{true_now().time_since_epoch()}; }

std::unique_ptr<Transport> make_transport(std::optional<Credentials> credentials) {
    TransportOptions options;
    options.clock = {true_raw, nullptr};
    options.credentials = std::move(credentials);
    auto transport = Transport::create(options);
    EXPECT_TRUE(transport) << transport.error();
    return std::move(*transport);
}

FakeSlave::FakeSlave(const std::string& id, const std::string& master_url,
                     std::optional<Credentials> credentials)
    : id_(node_id(id)), transport_(make_transport(std::move(credentials))) {
    EXPECT_TRUE(transport_->connect_link(0, master_url));
}

bool FakeSlave::say_as(const NodeId& sender, const Body& body, Term term) {
    Encoded encoded;
    encode({{node_id("default"), sender, term}, body}, encoded);
    return transport_->send(Link{0}, encoded).ok();
}

bool FakeSlave::send_bytes(std::vector<std::byte> bytes) {
    Encoded encoded;
    encoded.bytes = std::move(bytes);
    return transport_->send(Link{0}, encoded).ok();
}

void FakeSlave::hello() {
    Hello hello;
    hello.generation = kGeneration;
    say(hello);
}

void FakeSlave::step(const std::function<void(const Poll&, Reply, Term)>& answer) {
    if (!welcomed_) hello();
    transport_->wait(std::chrono::milliseconds{20});
    Inbound in;
    Message message;
    while (transport_->receive(in)) {
        if (decode(in.payload, node_id("default"), message)) continue;
        welcomed_ = welcomed_ || std::holds_alternative<Welcome>(message.body);
        if (const auto* refuse = std::get_if<Refuse>(&message.body)) refused_ = *refuse;
        const auto* poll = std::get_if<Poll>(&message.body);
        if (poll == nullptr) continue;
        Reply reply;
        reply.round = poll->round;
        reply.probe = poll->probe;
        reply.token = poll->token;
        reply.generation = kGeneration;
        reply.t2 = in.received_at;
        reply.t3 = in.received_at;
        reply.map.anchor_raw = in.received_at;
        timespec now{};
        clock_gettime(CLOCK_REALTIME, &now);
        reply.map.anchor_cluster = from_ns<ClusterTime>(now.tv_sec * 1'000'000'000 + now.tv_nsec);
        reply.status = ClockStatus::synchronized;
        answer(*poll, reply, message.header.term);
    }
}

}  // namespace berkeley::test
