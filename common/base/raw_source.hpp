// RawSource: where raw time comes from: a plain function and its context, so that stamping costs one indirect
// call.
#pragma once

#include "base/time.hpp"

namespace berkeley {

struct RawSource {
    RawTime (*read)(const void* context) = nullptr;
    const void* context = nullptr;
    RawTime now() const { return read(context); }
};

}  // namespace berkeley
