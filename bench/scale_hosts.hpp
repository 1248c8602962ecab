// The hosts of `berkeley-bench scale`: processes that hold N slaves each, real ones for the product's lane
// and bare echoes for libzmq's. Each reports when the last of its N has got a round's correction.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bounded_string.hpp"

namespace berkeley::bench {

/// What a host is told: how many, and the master's endpoints.
std::string host_order(std::size_t size, std::string_view poll, std::string_view publish);

/// N SlaveCores with the product's codec. It is told of the publisher by WELCOME, as slaves are.
void run_slaves_host(const std::string& order, int channel);
/// N DEALERs that answer a poll's bytes with as many as a REPLY has, and N SUBs that read.
void run_echo_host(const std::string& order, int channel);

const ClusterName& bench_cluster();

/// The name of a member, in either lane: topics are made of it.
std::string member_name(std::size_t index);

}  // namespace berkeley::bench
