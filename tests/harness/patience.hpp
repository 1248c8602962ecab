// Programs are slower under a sanitizer: deadlines are that much longer.
#pragma once

namespace berkeley::harness {

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BERKELEY_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(BERKELEY_SANITIZED)
inline constexpr int kSlowness = 4;
#else
inline constexpr int kSlowness = 1;
#endif

}  // namespace berkeley::harness
