#include "state/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace berkeley {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr const char* kFileName = "state";
constexpr const char* kNewFileName = "state.new";
constexpr const char* kLockName = "lock";
/// 8 candidates with three URLs each are the most that a state holds; anything longer is none of ours.
constexpr std::size_t kMaxFileBytes = 64 * 1024;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
        table[i] = value;
    }
    return table;
}

/// CRC-32 of IEEE 802.3, so that any tool can check the file.
std::uint32_t crc32(std::string_view text) {
    static constexpr auto kTable = make_crc_table();
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : text) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ (crc >> 8);
    return ~crc;
}

std::string checksum_line(std::string_view body) {
    std::array<char, 20> line{};
    std::snprintf(line.data(), line.size(), "crc32 %08x\n", static_cast<unsigned>(crc32(body)));
    return line.data();
}

Json to_json(const SavedState& state) {
    Json candidates = Json::array();
    for (const CandidateInfo& c : state.candidates) {
        candidates.push_back({{"id", c.id.view()},
                              {"priority", c.priority},
                              {"poll", c.poll.view()},
                              {"publish", c.publish.view()},
                              {"heartbeat", c.heartbeat.view()}});
    }
    Json voters = Json::array();
    for (const Voter& v : state.committee.voters) {
        voters.push_back({{"id", v.id.view()}, {"incarnation", v.incarnation}});
    }
    return {{"format", kFormat},
            {"id", state.id.view()},
            {"term", state.term},
            {"voted_for", state.voted_for.view()},
            {"incarnation", state.incarnation},
            {"freq_ppb", state.freq_ppb},
            {"freq_skew_ppb", state.freq_skew_ppb},
            {"committee",
             {{"term", state.committee.term}, {"version", state.committee.version}, {"voters", voters}}},
            {"candidates", candidates}};
}

/// What the checksum cannot see: a file that was edited, or written by a program with other bounds. Throws
/// std::exception, which `load` turns into its error line.
template <class Text>
Text read_text(const Json& value) {
    return Text::from(value.get_ref<const std::string&>()).value();
}

NodeId read_name(const Json& value, bool may_be_empty) {
    const auto name = read_text<NodeId>(value);
    if (!(may_be_empty && name.empty()) && !is_valid_name(name.view())) throw std::invalid_argument("name");
    return name;
}

template <class Integer>
Integer read_integer(const Json& value) {
    if constexpr (std::is_unsigned_v<Integer>) {
        if (!value.is_number_unsigned()) throw std::invalid_argument("number");
    } else {
        if (!value.is_number_integer()) throw std::invalid_argument("number");
    }
    const auto result = value.get<Integer>();
    if (Json(result) != value) throw std::out_of_range("number");
    return result;
}

SavedState from_json(const Json& json) {
    SavedState state;
    if (json.contains("id")) state.id = read_name(json.at("id"), true);
    state.term = read_integer<Term>(json.at("term"));
    state.voted_for = read_name(json.at("voted_for"), true);
    state.incarnation = read_integer<Incarnation>(json.at("incarnation"));
    state.freq_ppb = read_integer<std::int64_t>(json.at("freq_ppb"));
    state.freq_skew_ppb = read_integer<std::int64_t>(json.at("freq_skew_ppb"));
    if (state.freq_ppb < -kRateMaxPpb || state.freq_ppb > kRateMaxPpb || state.freq_skew_ppb < 0) {
        throw std::out_of_range("frequency");
    }
    const Json& committee = json.at("committee");
    state.committee.term = read_integer<Term>(committee.at("term"));
    state.committee.version = read_integer<std::uint64_t>(committee.at("version"));
    const Json& voters = committee.at("voters");
    const Json& candidates = json.at("candidates");
    if (voters.size() > kMaxCommittee || candidates.size() > kMaxCandidates) throw std::out_of_range("list");
    if (state.term > kTermMax || state.committee.term > kTermMax) throw std::out_of_range("term");
    for (const Json& v : voters) {
        state.committee.voters.push_back(
            {read_name(v.at("id"), false), read_integer<Incarnation>(v.at("incarnation"))});
    }
    for (const Json& c : candidates) {
        state.candidates.push_back({read_name(c.at("id"), false),
                                    read_integer<std::int32_t>(c.at("priority")),
                                    read_text<Url>(c.at("poll")), read_text<Url>(c.at("publish")),
                                    read_text<Url>(c.at("heartbeat"))});
    }
    return state;
}

std::string system_error(const std::filesystem::path& path, std::string_view what) {
    return path.string() + ": " + std::string(what) + ": " + std::strerror(errno);
}

std::string damaged(const std::filesystem::path& path, std::string_view why) {
    return path.string() + ": the saved state " + std::string(why) +
           "; it is not used, since a voter that forgot its vote could vote twice: move the file away to "
           "start anew, as a node that is no voter until the cluster adopts it again";
}

/// A node can live with it: it keeps no promises, so it makes none. Other errors are mistakes of whoever
/// starts it.
bool is_disk_trouble(int error) {
    return error == EROFS || error == ENOSPC || error == EDQUOT || error == EIO;
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// At most kMaxFileBytes + 1 bytes, so that the caller sees what is too long.
std::optional<std::string> read_all(int fd) {
    std::string text(kMaxFileBytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::nullopt;
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

}  // namespace

StateFile::StateFile(std::filesystem::path directory, int directory_fd, int lock_fd)
    : path_(std::move(directory) / kFileName), directory_fd_(directory_fd), lock_fd_(lock_fd) {}

StateFile::StateFile(StateFile&& other) noexcept
    : path_(std::move(other.path_)),
      directory_fd_(std::exchange(other.directory_fd_, -1)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      lock_error_(other.lock_error_) {}

StateFile& StateFile::operator=(StateFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(directory_fd_, other.directory_fd_);
    std::swap(lock_fd_, other.lock_fd_);
    std::swap(lock_error_, other.lock_error_);
    return *this;
}

StateFile::~StateFile() {
    if (directory_fd_ >= 0) ::close(directory_fd_);
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<StateFile> StateFile::open(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error && !is_disk_trouble(error.value())) {
        return failure(directory.string() + ": cannot create the state directory: " + error.message());
    }
    const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    StateFile file(directory, directory_fd, -1);  // closes both from here on
    if (directory_fd < 0) {
        if (error) return file;  // nothing is there, and nothing can be
        return failure(system_error(directory, "cannot open the state directory"));
    }
    file.lock_fd_ = ::openat(directory_fd, kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.lock_fd_ < 0 && is_disk_trouble(errno)) {
        file.lock_error_ = errno;
        file.lock_fd_ = ::openat(directory_fd, kLockName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file.lock_fd_ < 0 && errno == ENOENT) return file;  // nobody has ever written here, nor can now
    }
    if (file.lock_fd_ < 0) return failure(system_error(directory, "cannot write to the state directory"));
    if (::flock(file.lock_fd_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return failure(system_error(directory, "cannot lock the state directory"));
        return failure(directory.string() +
                       ": the state directory is in use by another process; give each node its own --id "
                       "or --state-dir");
    }
    return file;
}

Result<void> StateFile::save(const SavedState& state) const {
    assert(state.candidates.size() <= kMaxCandidates);
    assert(state.committee.voters.size() <= kMaxCommittee);
    if (directory_fd_ < 0)
        return failure(path_.string() + ": cannot save the state: there is no directory for it");
    if (lock_fd_ < 0) {
        // Another process may have locked it by now.
        errno = lock_error_;
        return failure(system_error(path_, "cannot save the state, which could not be locked"));
    }
    const std::string body = to_json(state).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    const int fd =
        ::openat(directory_fd_, kNewFileName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failure(system_error(path_, "cannot save the state"));
    const bool written = write_all(fd, body + checksum_line(body)) && ::fsync(fd) == 0;
    const int write_errno = errno;
    ::close(fd);
    errno = write_errno;
    if (!written || ::renameat(directory_fd_, kNewFileName, directory_fd_, kFileName) != 0 ||
        ::fsync(directory_fd_) != 0) {
        return failure(system_error(path_, "cannot save the state"));
    }
    return {};
}

Result<std::optional<SavedState>> StateFile::load() const {
    if (directory_fd_ < 0) return std::nullopt;
    const int fd = ::openat(directory_fd_, kFileName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno == ENOENT) return std::nullopt;
        return failure(system_error(path_, "cannot read the saved state"));
    }
    const auto text = read_all(fd);
    const int read_errno = errno;
    ::close(fd);
    errno = read_errno;
    if (!text) return failure(system_error(path_, "cannot read the saved state"));
    if (text->size() > kMaxFileBytes) return failure(damaged(path_, "is longer than any that was saved"));
    const std::size_t body_end = text->find('\n');
    if (body_end == std::string::npos) return failure(damaged(path_, "is cut short"));
    const std::string_view body(text->data(), body_end + 1);
    if (text->substr(body_end + 1) != checksum_line(body)) {
        return failure(damaged(path_, "does not match its checksum"));
    }
    try {
        const Json json = Json::parse(body);
        if (json.at("format") != kFormat)
            return failure(damaged(path_, "has a format that is not known here"));
        return from_json(json);
    } catch (const std::exception&) {
        return failure(damaged(path_, "has a value that is missing or not allowed"));
    }
}

}  // namespace berkeley
