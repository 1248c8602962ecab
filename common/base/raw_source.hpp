// RawSource: the source of raw time. It is a plain function and its context, so a stamp costs one indirect
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
