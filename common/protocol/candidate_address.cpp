#include "protocol/candidate_address.hpp"

#include <iterator>

#include "base/endpoint.hpp"

namespace berkeley {
namespace {

constexpr std::string_view kThisMachine = "127.0.0.1";

bool is_local_host(const std::string& host) {
    return Endpoint{Scheme::tcp, host, 1, {}}.is_local() || host == "*";
}

bool same_place(const Url& own, const Url& told) {
    if (own == told) return true;
    const auto ours = parse_endpoint(own.view(), EndpointUse::bind);
    const auto theirs = parse_endpoint(told.view(), EndpointUse::bind);
    return ours && theirs && ours->is_wildcard() && theirs->scheme == Scheme::tcp &&
           ours->port == theirs->port;
}

/// Empty: the endpoint can be used, and is complete now.
std::string complete(Url& url, const SenderHost& sender) {
    auto endpoint = parse_endpoint(url.view(), EndpointUse::bind);
    if (!endpoint) return "is no endpoint";
    switch (endpoint->scheme) {
        case Scheme::inproc:
            return sender.in_process ? std::string{} : "is in another process";
        case Scheme::ipc:
            if (endpoint->path == "*") return "has no path";
            return sender.elsewhere() ? "is on another machine" : std::string{};
        case Scheme::tcp:
            break;
    }
    if (endpoint->port == 0) return "has no port";
    if (!endpoint->is_wildcard()) {
        return endpoint->is_local() && sender.elsewhere() ? "is on another machine" : std::string{};
    }
    endpoint->host = sender.on_this_machine() ? "*" : sender.host;
    const auto completed = Url::from(endpoint->url());
    if (!completed) return "is too long";
    url = *completed;
    return {};
}

}  // namespace

bool SenderHost::on_this_machine() const { return host.empty() || is_local_host(host); }

bool SenderHost::elsewhere() const { return !on_this_machine() && is_numeric_host(host); }

SenderHost sender_host(const Url& link) {
    const auto endpoint = parse_endpoint(link.view(), EndpointUse::bind);
    if (!endpoint) return {};
    return {endpoint->host, endpoint->scheme == Scheme::inproc};
}

SenderHost sender_host(std::string_view address, const Url& own_poll) {
    // Over ipc libzmq gives the peer's user and process as its address.
    if (address.empty() || !own_poll.view().starts_with("tcp://"))
        return {{}, own_poll.view().starts_with("inproc://")};
    const bool brackets = address.find(':') != std::string_view::npos && address.front() != '[';
    return {brackets ? "[" + std::string(address) + "]" : std::string(address)};
}

std::string complete(CandidateInfo& info, const SenderHost& sender) {
    struct Named {
        std::string_view name;
        Url& url;
    };
    for (const Named& each :
         {Named{"poll", info.poll}, Named{"publish", info.publish}, Named{"heartbeat", info.heartbeat}}) {
        const std::string told = each.url.str();
        const std::string why = complete(each.url, sender);
        if (why.empty()) continue;
        return "the " + std::string(each.name) + " endpoint of " + info.id.str() + ", '" + told + "', " + why;
    }
    return {};
}

std::vector<std::string> complete_candidates(std::vector<CandidateInfo>& candidates,
                                             const SenderHost& sender) {
    std::vector<std::string> faults;
    std::erase_if(candidates, [&](CandidateInfo& info) {
        std::string fault = complete(info, sender);
        if (fault.empty()) return false;
        faults.push_back(std::move(fault));
        return true;
    });
    return faults;
}

bool may_be_told(const CandidateInfo& info, const Url& own_poll) {
    const auto local = [](const Url& url) {
        const auto endpoint = parse_endpoint(url.view(), EndpointUse::bind);
        return endpoint && endpoint->is_local();
    };
    return local(own_poll) || !(local(info.poll) || local(info.publish) || local(info.heartbeat));
}

bool same_place(const CandidateInfo& own, const CandidateInfo& told) {
    return own.priority == told.priority && same_place(own.poll, told.poll) &&
           same_place(own.publish, told.publish) && same_place(own.heartbeat, told.heartbeat);
}

Url to_connect(const Url& url) {
    auto endpoint = parse_endpoint(url.view(), EndpointUse::bind);
    if (!endpoint || !endpoint->is_wildcard()) return url;
    endpoint->host = std::string(kThisMachine);
    return Url::from(endpoint->url()).value_or(url);
}

}  // namespace berkeley
