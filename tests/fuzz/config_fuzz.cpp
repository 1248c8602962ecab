// The configuration file: any bytes give options within their limits, or one line and exit code 2.

#include <cstdlib>

#include "fuzz/fuzz_file.hpp"
#include "fuzz/fuzz_input.hpp"
#include "io/options.hpp"

namespace {

template <class Parsed>
void check(const Parsed& parsed) {
    using namespace berkeley;
    if (!parsed) {
        const EarlyExit& early = parsed.error();
        if (early.code != 2 || early.error.empty() || early.error.find('\n') + 1 != early.error.size()) std::abort();
        return;
    }
    const NodeOptions& node = parsed->node;
    if (node.id.empty() || node.cluster.empty() || node.heartbeat_timeout < 3 * node.heartbeat_interval) std::abort();
    if (node.insecure && node.credentials) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berkeley;
    static const int home = ::setenv("HOME", "/nonexistent", 1);
    if (home != 0) std::abort();
    const fuzz::File file(fuzz::text(data, size));
    const std::string path = file.path();
    const char* const arguments[] = {"program", "--config", path.c_str()};
    check(parse_master_options(3, arguments));
    check(parse_slave_options(3, arguments));
    return 0;
}
