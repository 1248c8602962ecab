// The state file: what is not exactly what a save wrote is refused, and what is accepted is saved and loaded
// alike. An odd first byte has the checksum put right, so that what lies behind it is reached.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "state/state_file.hpp"
#include "tests/fuzz/fuzz_folder.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

/// Bit by bit: another way than the product's.
std::uint32_t crc32(std::string_view text) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : text) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    return ~crc;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berkeley;
    static const fuzz::Folder folder;
    static const auto file = StateFile::open(folder.path());
    if (!file) std::abort();
    fuzz::Input input(data, size);
    const bool mend = (input.byte() & 1U) != 0;
    std::string content = size > 1 ? fuzz::text(data + 1, size - 1) : std::string{};
    if (mend) {
        std::array<char, 32> line{};
        // The checksum covers the line break too.
        content += '\n';
        std::snprintf(line.data(), line.size(), "crc32 %08x\n", static_cast<unsigned>(crc32(content)));
        content += line.data();
    }
    std::ofstream(folder.path() / "state", std::ios::trunc) << content;
    const auto loaded = file->load();
    if (!loaded || !*loaded) return 0;
    if (!file->save(**loaded)) std::abort();
    const auto again = file->load();
    if (!again || !*again || !(**again == **loaded)) std::abort();
    return 0;
}
