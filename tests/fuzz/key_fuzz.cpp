// Key files: any text is refused in one line that does not repeat it, or says what it says when written again.

#include <cstdlib>

#include "fuzz/fuzz_input.hpp"
#include "io/curve_keys.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berkeley;
    const std::string text = fuzz::text(data, size);
    const auto card = parse_key_card(text, "file");
    if (card) {
        const auto again = parse_key_card(key_card_text(*card), "file");
        if (!again || again->key != card->key || again->id != card->id || again->role != card->role) std::abort();
    } else if (card.error().find('\n') != std::string::npos) {
        std::abort();
    }
    const auto own = parse_own_keys(text, "file");
    if (own && !is_key_text(own->pair.secret_key.c_str())) std::abort();
    if (!own && own.error().find('\n') != std::string::npos) std::abort();
    return 0;
}
