#include "node/key_reader.hpp"

#include <utility>

namespace berkeley {

KeyOwner key_reader(std::optional<Credentials>& credentials) {
    return [&credentials](const KeyFiles& keys, KeyUse use, const std::optional<NodeId>& given,
                          const NodeId& fallback) -> tl::expected<std::optional<NodeId>, OptionError> {
        auto loaded = load_credentials(keys, use, given, fallback);
        if (!loaded) return tl::unexpected<OptionError>(std::move(loaded.error()));
        credentials = std::move(*loaded);
        return credentials ? std::optional(credentials->id) : std::nullopt;
    };
}

}  // namespace berkeley
