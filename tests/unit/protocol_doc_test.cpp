// docs/PROTOCOL.md promises that its examples are real: each hex block is decoded and compared with the
// message of example_messages.hpp, and each of those must have a block and encode to exactly its bytes. The
// tables of fields are counted too, so that a field added to the codec alone is seen.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

#include "tests/unit/example_messages.hpp"
#include "wire/codec.hpp"

namespace berkeley {
namespace {

using testing::Example;
using testing::example_messages;

struct Section {
    int type = 0;      ///< of the heading
    int last_row = 0;  ///< number of the last field in the table
};

struct Document {
    std::map<std::string, std::vector<std::byte>> blocks;
    std::map<std::string, Section> sections;
    std::string duplicate;
};

/// "```hex NAME", lines of hex, "```"; headings "### NAME (type N)", perhaps two of them in one line.
Document read_document() {
    Document document;
    std::ifstream file(BERKELEY_SOURCE_DIR "/docs/PROTOCOL.md");
    const std::regex heading(R"(([A-Z_]+) \(type (\d+)\))");
    const std::regex row(R"(^\| (\d+) \|.*)");
    std::vector<std::string> current;
    std::vector<std::byte>* block = nullptr;
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (line.starts_with("```hex ")) {
            const std::string name = line.substr(7);
            if (document.blocks.contains(name)) document.duplicate = name;
            block = &document.blocks[name];
        } else if (line == "```") {
            block = nullptr;
        } else if (block != nullptr) {
            std::istringstream words(line);
            for (std::string word; words >> word;) {
                block->push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
            }
        } else if (line.starts_with("## ")) {
            current.clear();
        } else if (line.starts_with("### ") && std::regex_search(line, heading)) {
            current.clear();
            for (auto it = std::sregex_iterator(line.begin(), line.end(), heading);
                 it != std::sregex_iterator(); ++it) {
                current.push_back((*it)[1]);
                document.sections[current.back()].type = std::stoi((*it)[2]);
            }
        } else if (std::regex_match(line, match, row)) {
            for (const std::string& name : current) document.sections[name].last_row = std::stoi(match[1]);
        }
    }
    return document;
}

/// Elements of the outer array.
int arity(const std::vector<std::byte>& bytes) {
    const auto at = [&](std::size_t i) { return std::to_integer<int>(bytes.at(i)); };
    return (at(0) & 0xf0) == 0x90 ? at(0) & 0x0f : at(1) << 8 | at(2);
}
int type_number(const std::vector<std::byte>& bytes) {
    return std::to_integer<int>(bytes.at((std::to_integer<int>(bytes.at(0)) & 0xf0) == 0x90 ? 2 : 4));
}

TEST(ProtocolDocument, HasOneExampleForEveryMessageType) {
    const Document document = read_document();
    EXPECT_EQ(document.duplicate, "");
    EXPECT_EQ(document.blocks.size(), 17U);
    EXPECT_EQ(example_messages().size(), 17U);
    std::map<int, int> seen;
    for (const Example& example : example_messages()) {
        ASSERT_TRUE(document.blocks.contains(std::string(example.name))) << example.name;
        ++seen[type_number(document.blocks.at(std::string(example.name)))];
    }
    for (int type = 1; type <= 16; ++type) EXPECT_EQ(seen[type], 1) << "type " << type;
}

TEST(ProtocolDocument, ExamplesDecodeToTheDocumentedMessages) {
    const Document document = read_document();
    for (const Example& example : example_messages()) {
        const auto block = document.blocks.find(std::string(example.name));
        ASSERT_NE(block, document.blocks.end()) << example.name;
        Message decoded;
        const auto error = decode(block->second, testing::example_cluster(), decoded);
        ASSERT_FALSE(error) << example.name << ": " << to_string(*error);
        EXPECT_TRUE(decoded == example.message) << example.name;
    }
}

TEST(ProtocolDocument, ExamplesAreWhatTheEncoderWrites) {
    const Document document = read_document();
    for (const Example& example : example_messages()) {
        const auto block = document.blocks.find(std::string(example.name));
        ASSERT_NE(block, document.blocks.end()) << example.name;
        Encoded encoded;
        encode(example.message, encoded);
        EXPECT_EQ(encoded.bytes, block->second) << example.name;
    }
}

TEST(ProtocolDocument, HeadingsAndTablesAgreeWithTheExamples) {
    const Document document = read_document();
    for (const Example& example : example_messages()) {
        const auto block = document.blocks.find(std::string(example.name));
        const auto section = document.sections.find(std::string(example.name));
        ASSERT_NE(block, document.blocks.end()) << example.name;
        ASSERT_NE(section, document.sections.end()) << example.name;
        EXPECT_EQ(section->second.type, type_number(block->second)) << example.name;
        EXPECT_EQ(section->second.last_row + 1, arity(block->second)) << example.name;
    }
}

}  // namespace
}  // namespace berkeley
