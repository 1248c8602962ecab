// What systemd is told, on a socket that stands for it.

#include "os/service_notify.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

/// The manager's end.
class Manager {
public:
    explicit Manager(std::string name) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        if (name.front() == '@') name.front() = '\0';
        std::copy(name.begin(), name.end(), at.sun_path);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), size), 0);
    }
    std::vector<std::string> heard() const {
        std::vector<std::string> messages;
        std::array<char, 512> text{};
        for (;;) {
            const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
            if (size < 0) return messages;
            messages.emplace_back(text.data(), static_cast<std::size_t>(size));
        }
    }

private:
    FileDescriptor socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

void expect_told(const std::string& name) {
    const Manager manager(name);
    ServiceNotifier service(name);
    service.ready();
    service.status("SYNCHRONIZED");
    service.status("SYNCHRONIZED");
    service.status("two\nlines");
    service.alive();
    service.stopping();
    const auto heard = manager.heard();
    ASSERT_EQ(heard.size(), 5U);
    EXPECT_EQ(heard[0], "READY=1");
    EXPECT_EQ(heard[1], "STATUS=SYNCHRONIZED");
    EXPECT_EQ(heard[2].find('\n'), std::string::npos) << "a second line would be another assignment";
    EXPECT_EQ(heard[3], "WATCHDOG=1");
    EXPECT_EQ(heard[4], "STOPPING=1");
}

TEST(ServiceNotifier, TellsASocketThatHasAPath) {
    const TemporaryDirectory directory;
    expect_told((directory.path() / "notify").string());
}

TEST(ServiceNotifier, TellsASocketThatHasAnAbstractName) {
    const TemporaryDirectory directory;
    expect_told("@" + directory.path().filename().string());
}

TEST(ServiceNotifier, NeitherWaitsNorFailsWhereNobodyListens) {
    for (const std::string name : {"", "@", "vsock:2:1234", "/nonexistent/notify"}) {
        ServiceNotifier service(name);
        for (int i = 0; i < 1000; ++i) service.alive();
    }
    const TemporaryDirectory directory;
    const std::string name = (directory.path() / "notify").string();
    const Manager asleep(name);
    ServiceNotifier service(name);
    for (int i = 0; i < 1000; ++i) service.alive();
}

}  // namespace
}  // namespace berkeley
