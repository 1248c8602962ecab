// Opens the folder of a clock page, and makes what is missing of it, so that nobody else can have planted it
// or can replace it. Private to common/page. Stateless.
//
// The path is walked from the root, one part at a time, each opened below the one before, so the folder that
// was checked is the folder that is used. A path that the operator names is trusted down to the first place
// where everybody may write (/dev/shm). From there on each folder must be ours or root's, nobody else may
// write in it, and no link is followed.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {

/// The descriptor is good for openat() and its like only (O_PATH). New folders are readable by all, whatever
/// the umask.
[[nodiscard]] Result<FileDescriptor> open_page_folder(const std::filesystem::path& folder);

/// What the system says of an errno.
std::string system_text(int error);

}  // namespace berkeley
