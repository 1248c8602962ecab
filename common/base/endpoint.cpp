#include "base/endpoint.hpp"

#include <algorithm>
#include <charconv>

namespace berkeley {
namespace {

/// sizeof(sockaddr_un::sun_path) - 1, on Linux.
constexpr std::size_t kMaxIpcPath = 107;

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

tl::unexpected<std::string> bad(std::string_view url, EndpointUse use, std::string_view why) {
    const std::string allowed = use == EndpointUse::bind
                                    ? "tcp://HOST:PORT (port 0 takes any free one) or ipc://PATH"
                                    : "tcp://HOST:PORT (port 1 to 65535) or ipc://PATH";
    return failure("'" + std::string(url.substr(0, 100)) + "' " + std::string(why) + ": write " + allowed);
}

bool printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<Endpoint> parse_tcp(std::string_view url, std::string_view rest, EndpointUse use) {
    Endpoint endpoint;
    const std::size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos || (!rest.empty() && rest.back() == ']')) {
        return bad(url, use, "has no port");
    }
    const std::string_view host = rest.substr(0, colon);
    const std::string_view port = rest.substr(colon + 1);
    if (host != "*" && !is_valid_host(host)) return bad(url, use, "has no valid host");
    endpoint.host = std::string(host);
    if (port != "*") {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
        if (error != std::errc{} || end != port.data() + port.size()) {
            return bad(url, use, "has no valid port");
        }
    }
    if (use == EndpointUse::connect) {
        if (endpoint.port == 0) return bad(url, use, "has no port to connect to");
        if (endpoint.is_wildcard()) return bad(url, use, "has no host to connect to");
    }
    return endpoint;
}

}  // namespace

bool is_valid_host(std::string_view host) {
    if (host.empty() || host.size() > 200) return false;
    if (host.front() == '[') {
        if (host.size() < 4 || host.back() != ']') return false;
        const std::string_view inside = host.substr(1, host.size() - 2);
        return inside.find(':') != std::string_view::npos &&
               inside.find_first_not_of("0123456789abcdefABCDEF:.%_-ghijklmnopqrstuvwxyz") ==
                   std::string_view::npos;
    }
    return std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
}

bool is_numeric_host(std::string_view host) {
    if (host.starts_with('[')) return true;
    return std::count(host.begin(), host.end(), '.') == 3 &&
           host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool Endpoint::is_local() const {
    if (scheme != Scheme::tcp) return true;
    if (host == "localhost" || host == "lo" || host == "[::1]") return true;
    // Four numbers only: "127.evil.example" is a name, and its owner can point it anywhere.
    return starts_with(host, "127.") && is_numeric_host(host);
}

bool Endpoint::is_wildcard() const {
    return scheme == Scheme::tcp && (host == "*" || host == "0.0.0.0" || host == "[::]");
}

std::string Endpoint::url() const {
    switch (scheme) {
        case Scheme::tcp:
            return "tcp://" + host + ":" + std::to_string(port);
        case Scheme::ipc:
            return "ipc://" + path;
        case Scheme::inproc:
            break;
    }
    return "inproc://" + path;
}

Result<Endpoint> parse_endpoint(std::string_view url, EndpointUse use) {
    if (url.size() > Url::kCapacity) return bad(url, use, "is longer than 255 characters");
    if (!printable(url)) return bad(url, use, "contains spaces or characters outside of ASCII");
    if (starts_with(url, "tcp://")) return parse_tcp(url, url.substr(6), use);
    Endpoint endpoint;
    if (starts_with(url, "ipc://")) {
        endpoint.scheme = Scheme::ipc;
        endpoint.path = std::string(url.substr(6));
        if (endpoint.path.size() > kMaxIpcPath) {
            return bad(
                url, use,
                "has a path longer than the " + std::to_string(kMaxIpcPath) + " characters of a socket");
        }
    } else if (starts_with(url, "inproc://")) {
        endpoint.scheme = Scheme::inproc;
        endpoint.path = std::string(url.substr(9));
    } else {
        return bad(url, use, "is not a URL of a known kind");
    }
    if (endpoint.path.empty() || (use == EndpointUse::connect && endpoint.path == "*")) {
        return bad(url, use, "has no path or name");
    }
    return endpoint;
}

Result<Endpoint> parse_program_endpoint(std::string_view url, EndpointUse use) {
    auto endpoint = parse_endpoint(url, use);
    if (endpoint && endpoint->scheme == Scheme::inproc) return bad(url, use, "reaches no other process");
    return endpoint;
}

Result<Url> advertised_url(std::string_view bound, std::string_view host, std::string_view url) {
    auto endpoint =
        url.empty() ? parse_endpoint(bound, EndpointUse::bind) : parse_endpoint(url, EndpointUse::connect);
    if (!endpoint) return failure(endpoint.error());
    if (url.empty() && endpoint->scheme == Scheme::tcp) {
        if (!host.empty()) {
            endpoint->host = std::string(host);
        } else if (endpoint->is_wildcard()) {
            endpoint->host = "*";
        }
    }
    const auto told = Url::from(endpoint->url());
    if (!told) return failure("'" + endpoint->url().substr(0, 60) + "...' is longer than 255 characters");
    return *told;
}

}  // namespace berkeley
