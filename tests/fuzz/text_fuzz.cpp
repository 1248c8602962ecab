// URLs and durations: what is accepted means the same when it is written by us and read again.

#include <cstdlib>

#include "base/duration_text.hpp"
#include "base/endpoint.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berkeley;
    const std::string text = fuzz::text(data, size);
    for (const EndpointUse use : {EndpointUse::bind, EndpointUse::connect}) {
        const auto endpoint = parse_endpoint(text, use);
        if (!endpoint) continue;
        const auto again = parse_endpoint(endpoint->url(), use);
        if (!again || again->url() != endpoint->url() || again->is_local() != endpoint->is_local())
            std::abort();
        static_cast<void>(advertised_url(endpoint->url(), text, {}));
    }
    const auto duration = parse_duration(text);
    if (duration && parse_duration(duration_literal(*duration)) != *duration) std::abort();
    return 0;
}
