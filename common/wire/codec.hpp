// The codec: protocol messages <-> msgpack arrays [version, type, cluster, sender, term, ...].
//
// Only this room knows msgpack. docs/PROTOCOL.md documents every byte. The decoder accepts hostile input: it
// allocates no more than the bounds in protocol/messages.hpp allow, throws nothing, and names the reason of
// each rejection. The format is append-only: the decoder ignores extra elements of an array and rejects
// missing ones. Stateless; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.hpp"

namespace berkeley {

/// The longest message. The sockets enforce it too (ZMQ_MAXMSGSIZE).
inline constexpr std::size_t kMaxMessageBytes = 32 * 1024;

enum class DecodeError : std::uint8_t {
    oversize,   ///< longer than kMaxMessageBytes
    malformed,  ///< no msgpack array of the expected elements, or trailing bytes
    version,    ///< another wire version
    unknown_type,
    foreign_cluster,  ///< well-formed, but of another cluster
    out_of_range,     ///< a name, time, rate, enum or count outside its limits
};
std::string_view to_string(DecodeError error);

/// Encoded bytes. `stamp_at` is the place of t3 in a REPLY, 8 bytes big-endian, for patch_stamp.
struct Encoded {
    std::vector<std::byte> bytes;
    std::size_t stamp_at = 0;  ///< 0: no stamp in this message
};

/// Encodes into `out`, whose capacity is reused.
/// Requires: the message keeps the bounds in protocol/messages.hpp (asserted).
void encode(const Message& message, Encoded& out);

/// Writes the transmit stamp into an encoded REPLY. Requires: out.stamp_at != 0.
void patch_stamp(Encoded& out, RawTime stamp);

/// Decodes into `out`, whose previous content is lost either way. Accepts only messages of `cluster`;
/// of another cluster's message `out` has the name of that cluster. Returns nothing on success.
[[nodiscard]] std::optional<DecodeError> decode(std::span<const std::byte> bytes, const ClusterName& cluster,
                                                Message& out);

/// Topics of the publish and heartbeat channels; each ends in a delimiter, so that "s1" never matches "s10".
std::string correction_topic(const NodeId& target);
/// The topic under which a message goes out on the publish or the heartbeat channel.
std::string topic_of(bool heartbeat_channel, const Message& message);
inline constexpr std::string_view kRoundTopic = "round/";
inline constexpr std::string_view kHeartbeatTopic = "heartbeat/";

}  // namespace berkeley
