// Opens or creates the file behind a clock page, locked against a second writer, in a place where nobody
// else can have planted it. Private to common/page. Stateless.
#pragma once

#include <string>

#include "base/result.hpp"

namespace berkeley {

/// The locked file, at least one page's size; its content may be anything. The caller closes it.
[[nodiscard]] Result<int> open_clock_page_file(const std::string& path);

/// Whether `path` still names the file that is open as `fd`.
[[nodiscard]] bool is_clock_page_at(int fd, const std::string& path);

}  // namespace berkeley
