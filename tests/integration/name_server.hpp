// A name server of the test's own, in a namespace of its network: it knows a few names, and may be slow or
// dead. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/doorbell.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley::test {

class NameServer {
public:
    /// Listens on port 53 of all addresses of this namespace, a path like /proc/PID/ns/net.
    explicit NameServer(const std::string& name_space);
    ~NameServer();
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    /// The addresses of a name, of both families, in this order. Names that are not set do not exist.
    void set(const std::string& name, std::vector<std::string> addresses);
    void answer_after(std::chrono::milliseconds delay);
    /// From now on it answers nothing.
    void die();

private:
    void serve();
    std::string reply_to(const std::string& query);

    std::mutex mutex_;
    std::map<std::string, std::vector<std::string>> names_;
    std::chrono::milliseconds delay_{0};
    bool dead_ = false;
    FileDescriptor socket_;
    Doorbell end_;
    std::thread thread_;
};

}  // namespace berkeley::test
