// Endpoint: a parsed URL of a socket. The forms are tcp://HOST:PORT, ipc://PATH (ipc://@NAME in the abstract
// name space) and, within a process, inproc://NAME for tests and benchmarks. Nothing here asks the network.
// Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bounded_string.hpp"
#include "base/result.hpp"

namespace berkeley {

enum class Scheme : std::uint8_t { tcp, ipc, inproc };

struct Endpoint {
    Scheme scheme = Scheme::tcp;
    std::string host;        ///< tcp; brackets of an IPv6 address included
    std::uint16_t port = 0;  ///< tcp; 0: any free one
    std::string path;        ///< ipc and inproc

    /// Reachable from this machine only.
    bool is_local() const;
    /// Stands for all addresses: a socket can bind to it but not connect to it.
    bool is_wildcard() const;
    std::string url() const;
};

enum class EndpointUse : std::uint8_t { bind, connect };

/// Parses a URL. The error line says which URLs this use allows.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view url, EndpointUse use);

/// Parses a URL given as an option of a program; inproc is refused.
[[nodiscard]] Result<Endpoint> parse_program_endpoint(std::string_view url, EndpointUse use);

/// The URL that we tell others for an endpoint that was bound: `url` where given; else the bound one, with
/// `host` where given. All forms of the wildcard are told as `*`: the receiver knows this machine's address.
[[nodiscard]] Result<Url> advertised_url(std::string_view bound, std::string_view host, std::string_view url);

/// An address and not a name. Requires: is_valid_host(host).
bool is_numeric_host(std::string_view host);

/// Letters, digits, '.', '-', '_', or an IPv6 address in brackets.
bool is_valid_host(std::string_view host);

}  // namespace berkeley
