// Candidate addresses: what the endpoints of a candidate mean to the node that is told of them.
//
// A candidate that listens on all addresses of its machine does not know by which of them others reach it. So
// it tells `*` as its host: "on my machine". Every receiver knows the sender's host: a slave by the URL of
// the link, a candidate by the source address of the HELLO. The receiver puts it in.
//
//   told `*`     by a sender elsewhere       -> the sender's host
//   told `*`     by a sender on this machine -> `*` stays: on our machine too, and that is what we pass on
//   told 127.x   by a sender elsewhere       -> refused: it would be our own machine
//   told a URL that nobody can connect to    -> refused
//
// So `*` always means "on the machine of the node that says it", over any number of hops. Pure; stateless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace berkeley {

/// How the receiver of a message knows its sender.
struct SenderHost {
    std::string host;         ///< as in a URL; empty: on this machine, over ipc or within this process
    bool in_process = false;  ///< the message came over inproc
    bool elsewhere() const;   ///< certainly on another machine; a name may lead anywhere
    bool on_this_machine() const;
};

/// The candidate behind a link to this poll endpoint.
SenderHost sender_host(const Url& link);
/// The node whose message came from this numeric address; empty: not over TCP.
SenderHost sender_host(std::string_view address, const Url& own_poll);

/// Why nobody can connect to the endpoints as told by this sender, in a line; empty: all can be used.
/// Completes them.
[[nodiscard]] std::string complete(CandidateInfo& info, const SenderHost& sender);

/// Completes the candidates in a WELCOME or HEARTBEAT and takes out those that cannot be used. Returns why, a
/// line for each of these.
[[nodiscard]] std::vector<std::string> complete_candidates(std::vector<CandidateInfo>& candidates,
                                                           const SenderHost& sender);

/// Whether a candidate may tell others of this one: not where they reach it from elsewhere, and would look
/// for the other on their own machine.
bool may_be_told(const CandidateInfo& info, const Url& own_poll);

/// Whether `told` may be this candidate as others see it, who put a host in for `*`.
bool same_place(const CandidateInfo& own, const CandidateInfo& told);

/// The URL to connect to: `*` stands for this machine.
Url to_connect(const Url& url);

}  // namespace berkeley
