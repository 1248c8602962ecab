// Key files: any text is refused in one line that says nothing of what stands in it, which can be a secret,
// or says what it says when written again.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include "keys/curve_keys.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace berkeley;

/// A line number is all that a refusal may take from the file.
std::string without_digits(std::string line) {
    std::erase_if(line, [](unsigned char c) { return std::isdigit(c) != 0; });
    return line;
}

void note(std::set<std::string>& lines, const std::string& text) {
    if (const auto card = parse_key_card(text, "file"); !card) lines.insert(without_digits(card.error()));
    if (const auto own = parse_own_keys(text, "file"); !own) lines.insert(without_digits(own.error()));
}

/// All the lines that there are: of files that hold nothing of anybody's.
std::set<std::string> known_refusals() {
    const auto pair = generate_keys();
    const auto other = generate_keys();
    if (!pair || !other) std::abort();
    const std::string public_key = "public-key = \"" + pair->public_key.str() + "\"\n";
    std::set<std::string> lines;
    note(lines, "");
    note(lines, "[");
    note(lines, "x = 1");
    for (const char* field : {"id = '/'\n", "role = 'x'\n"}) {
        note(lines, field + public_key);
        note(lines, field + ("secret-key = \"" + std::string(pair->secret_key.c_str()) + "\"\n"));
    }
    note(lines, "public-key = \"" + other->public_key.str() + "\"\nsecret-key = \"" +
                    pair->secret_key.c_str() + "\"\n");
    return lines;
}

void check_refusal(const std::string& line) {
    static const std::set<std::string> known = known_refusals();
    if (line.find('\n') != std::string::npos || !known.contains(without_digits(line))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text = fuzz::text(data, size);
    const auto card = parse_key_card(text, "file");
    if (card) {
        const auto again = parse_key_card(key_card_text(*card), "file");
        if (!again || again->key != card->key || again->id != card->id || again->role != card->role)
            std::abort();
    } else {
        check_refusal(card.error());
    }
    const auto own = parse_own_keys(text, "file");
    if (own && !is_key_text(own->pair.secret_key.c_str())) std::abort();
    if (!own) check_refusal(own.error());
    return 0;
}
