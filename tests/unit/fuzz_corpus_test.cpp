// The seeds of the fuzz targets: a fuzzer reaches what its seeds lead to.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/unit/example_messages.hpp"
#include "wire/codec.hpp"

namespace berkeley {
namespace {

const std::filesystem::path kCorpus = std::filesystem::path(BERKELEY_SOURCE_DIR) / "tests/fuzz/corpus";

TEST(FuzzCorpus, TheCodecsHoldsAMessageOfEveryType) {
    std::set<std::size_t> types;
    for (const auto& entry : std::filesystem::directory_iterator(kCorpus / "codec")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        Message message;
        if (!decode(std::as_bytes(std::span{bytes.data(), bytes.size()}), testing::example_cluster(),
                    message)) {
            types.insert(message.body.index());
        }
    }
    EXPECT_EQ(types.size(), std::variant_size_v<Body>);
}

TEST(FuzzCorpus, EveryTargetHasSeeds) {
    for (const auto& entry : std::filesystem::directory_iterator(kCorpus.parent_path())) {
        std::string name = entry.path().filename();
        constexpr std::string_view kSuffix = "_fuzz.cpp";
        if (!name.ends_with(kSuffix)) continue;
        name.resize(name.size() - kSuffix.size());
        const std::filesystem::directory_iterator seeds(kCorpus / name);
        EXPECT_GE(std::distance(seeds, {}), 3) << name;
    }
}

}  // namespace
}  // namespace berkeley
