// A file in memory whose content is the fuzzer's, under a path that open(2) takes.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace berkeley::fuzz {

class File {
public:
    explicit File(std::string_view content) : fd_(::memfd_create("berkeley-fuzz", MFD_CLOEXEC)) {
        if (fd_ < 0 || ::write(fd_, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            std::abort();
    }
    ~File() { ::close(fd_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

}  // namespace berkeley::fuzz
