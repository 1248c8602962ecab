// A socket that is connected to itself must not keep the port of a server that starts later.

#include "net/self_connection.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}
int bind_to(int fd, const sockaddr_in& address) {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}
int connect_to(int fd, const sockaddr_in& address) {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}
sockaddr_in own_address(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return address;
}

TEST(SelfConnection, IsEndedWithoutAWaitForItsOwnGoodbye) {
    // It is given the port at which nobody listens, as the kernel may choose it for a client.
    const FileDescriptor self(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(bind_to(self.get(), loopback(0)), 0);
    ASSERT_EQ(connect_to(self.get(), own_address(self.get())), 0) << "meets itself";
    EXPECT_TRUE(part_from_itself(self.get()));
    EXPECT_FALSE(part_from_itself(self.get())) << "no longer connected";
    tcp_info info{};
    socklen_t size = sizeof info;
    ASSERT_EQ(::getsockopt(self.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    EXPECT_EQ(info.tcpi_state, TCP_CLOSE) << "and not TIME_WAIT, which holds the port for a minute";
}

TEST(SelfConnection, ConnectionsToOthersStay) {
    const FileDescriptor server(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(bind_to(server.get(), loopback(0)), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    const FileDescriptor client(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(connect_to(client.get(), own_address(server.get())), 0);
    EXPECT_FALSE(part_from_itself(client.get()));
    EXPECT_FALSE(part_from_itself(-1));
    const char byte = 0;
    EXPECT_EQ(::send(client.get(), &byte, 1, 0), 1);
}

}  // namespace
}  // namespace berkeley
