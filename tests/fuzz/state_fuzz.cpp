// The files of the state directory: what is not exactly what a save wrote is refused, and what is accepted is
// saved and loaded alike. The first byte says which file it is, and whether its checksum is put right, so
// that what lies behind it is reached.

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
    const std::uint8_t choice = input.byte();
    const bool mend = (choice & 1U) != 0;
    const bool learned = (choice & 2U) != 0;
    std::string content = size > 1 ? fuzz::text(data + 1, size - 1) : std::string{};
    if (mend) {
        std::array<char, 32> line{};
        // The checksum covers the line break too.
        content += '\n';
        std::snprintf(line.data(), line.size(), "crc32 %08x\n", static_cast<unsigned>(crc32(content)));
        content += line.data();
    }
    std::filesystem::remove(folder.path() / "learned");
    if (learned && !file->save(Promises{})) std::abort();
    std::ofstream(folder.path() / (learned ? "learned" : "state"), std::ios::trunc) << content;
    const auto loaded = file->load();
    if (learned && (!loaded || !*loaded)) std::abort();
    if (!loaded || !*loaded) return 0;
    const SavedState& state = **loaded;
    if (!file->save(state.promises) || !file->save(state.learned)) std::abort();
    const auto again = file->load();
    if (!again || !*again || !((*again)->promises == state.promises) || !((*again)->learned == state.learned))
        std::abort();
    return 0;
}
