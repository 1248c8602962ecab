// Endpoint: what a URL of ours may look like, and what can be told from it without asking the network.
// tcp://HOST:PORT, ipc://PATH (ipc://@NAME in the abstract name space), and within a process, for tests and
// benchmarks, inproc://NAME. Plain values.
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
    /// Stands for all addresses, so that it can be bound but not connected to.
    bool is_wildcard() const;
    std::string url() const;
};

enum class EndpointUse : std::uint8_t { bind, connect };

/// The error line says what is allowed for this use.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view url, EndpointUse use);

/// The same for the options of a program, to which inproc is of no use.
[[nodiscard]] Result<Endpoint> parse_program_endpoint(std::string_view url, EndpointUse use);

/// What others are told for an endpoint that was bound: its host replaced by `host` where one is given, or
/// by `fallback_host` where it is a wildcard.
[[nodiscard]] Result<Url> advertised_url(std::string_view bound, std::string_view host,
                                         std::string_view fallback_host);

/// Letters, digits, '.', '-', '_', or an IPv6 address in brackets.
bool is_valid_host(std::string_view host);

}  // namespace berkeley
