// libFuzzer over the decoder: any bytes are rejected, or mean one message that encodes and decodes to itself.
// Run: cmake -DBERKELEY_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++, then berkeley_codec_fuzz CORPUS_FOLDER.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "wire/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berkeley;
    static const ClusterName cluster = *ClusterName::from("lab");
    static Message decoded;  // reused as the programs do, so that what it held before is part of the test
    if (decode(std::as_bytes(std::span{data, size}), cluster, decoded)) return 0;
    Encoded encoded;
    encode(decoded, encoded);
    Message again;
    if (decode(encoded.bytes, cluster, again) || !(again == decoded)) std::abort();
    return 0;
}
