// Where a clock page may be: what others planted, may replace or may write to is refused in one line that
// says what to do, and nothing is made behind it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "berkeley/clock.h"
#include "page/clock_page.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

constexpr uid_t kNobody = 65534;

class ClockPagePlace : public ::testing::Test {
protected:
    ClockPagePlace() { set_mode(root_, 0755); }

    static void set_mode(const std::filesystem::path& path, mode_t mode) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    }

    static std::string refusal(const std::filesystem::path& path) {
        const auto created = ClockPageWriter::create(path.string());
        if (created) return {};
        EXPECT_EQ(std::count(created.error().begin(), created.error().end(), '\n'), 0) << created.error();
        return created.error();
    }
    static void expect_refused(const std::filesystem::path& path, const std::string& why) {
        EXPECT_NE(refusal(path).find(why), std::string::npos) << "instead: '" << refusal(path) << "'";
    }
    static void expect_page(const std::filesystem::path& path) {
        EXPECT_EQ(refusal(path), "");
        berkeley_clock* clock = nullptr;
        EXPECT_EQ(berkeley_clock_open(path.c_str(), &clock), BERKELEY_CLOCK_OK) << path;
        berkeley_clock_close(clock);
    }
    std::filesystem::path make_folder(const std::string& name, mode_t mode = 0755) const {
        const auto folder = root_ / name;
        std::filesystem::create_directories(folder);
        set_mode(folder, mode);
        return folder;
    }

    TemporaryDirectory directory_;
    /// Below a place where everybody may write, and with mode 01777 such a place itself.
    std::filesystem::path root_ = std::filesystem::canonical(directory_.path());
};

bool below_a_public_place(const std::filesystem::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) != 0) return true;
    return folder != folder.root_path() && below_a_public_place(folder.parent_path());
}

/// In a folder that nobody else can have prepared, where there is one to be had.
class ClockPageInPrivatePlace : public ClockPagePlace {
protected:
    void SetUp() override {
        const char* home = std::getenv("HOME");
        for (const std::filesystem::path& base :
             {std::filesystem::current_path(), std::filesystem::path(home != nullptr ? home : "/")}) {
            std::string pattern = (base / "berkeley-test-XXXXXX").string();
            if (below_a_public_place(base) || ::mkdtemp(pattern.data()) == nullptr) continue;
            private_ = root_ = pattern;
            return;
        }
        GTEST_SKIP() << "everybody may write above the working folder and above $HOME";
    }
    void TearDown() override {
        if (!private_.empty()) std::filesystem::remove_all(private_);
    }
    std::filesystem::path private_;
};

TEST_F(ClockPagePlace, OneUsersClustersShareAFolderInAPublicPlace) {
    set_mode(root_, 01777);
    expect_page(root_ / "berkeley/default/s1");
    expect_page(root_ / "berkeley/default/s2");
    expect_page(root_ / "berkeley/other/s1");
    expect_page(root_ / "s1");
}

TEST_F(ClockPagePlace, FolderOfAnotherUserIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
    const auto folder = make_folder("berkeley");
    ASSERT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
    expect_refused(folder / "s1", "belongs to another user");
    set_mode(root_, 01777);
    expect_refused(folder / "s1", "belongs to another user");
    expect_refused(folder / "default/s1", "belongs to another user");
    EXPECT_FALSE(std::filesystem::exists(folder / "default"));
}

TEST_F(ClockPagePlace, LinkInAPublicPlaceIsRefusedWhoeverMadeItAndWhereverItLeads) {
    const auto mine = make_folder("mine");
    const auto link = root_ / "berkeley";
    std::filesystem::create_directory_symlink(mine, link);
    set_mode(root_, 01777);
    expect_refused(link / "default/s1", "symbolic link");
    if (::geteuid() == 0) {
        ASSERT_EQ(::lchown(link.c_str(), kNobody, kNobody), 0);
        expect_refused(link / "default/s1", "symbolic link");
    }
    EXPECT_TRUE(std::filesystem::is_empty(mine));
}

TEST_F(ClockPageInPrivatePlace, LinkThatOnlyTheOperatorCanHaveMadeIsPartOfThePath) {
    make_folder("run");
    std::filesystem::create_directory_symlink(root_ / "run", root_ / "absolute");
    std::filesystem::create_directory_symlink("run/../run", root_ / "relative");
    expect_page(root_ / "absolute/berkeley/s1");
    expect_page(root_ / "relative/berkeley/s2");
    EXPECT_TRUE(std::filesystem::exists(root_ / "run/berkeley/s2"));
}

TEST_F(ClockPageInPrivatePlace, LinkIntoAPublicPlaceLeadsToItsRules) {
    const auto shm = make_folder("shm", 01777);
    make_folder("shm/berkeley", 0775);
    std::filesystem::create_directory_symlink(shm, root_ / "link");
    expect_refused(root_ / "link/berkeley/default/s1", "chmod go-w");
}

TEST_F(ClockPageInPrivatePlace, LinksThatLeadToThemselvesEnd) {
    std::filesystem::create_directory_symlink(root_ / "loop", root_ / "loop");
    expect_refused(root_ / "loop/s1", "Too many levels of symbolic links");
}

TEST_F(ClockPagePlace, FolderThatOthersCanWriteInIsRefused) {
    for (const mode_t mode : {0775U, 0777U}) expect_refused(make_folder("berkeley", mode) / "s1", "chmod ");
    set_mode(root_, 01777);
    for (const mode_t mode : {0775U, 0777U}) expect_refused(make_folder("berkeley", mode) / "a/s1", "chmod ");
    EXPECT_TRUE(std::filesystem::is_empty(root_ / "berkeley"));
}

TEST_F(ClockPageInPrivatePlace, ThePagesOwnFolderIsItsUsersAlone) {
    expect_refused(make_folder("clocks", 0775) / "s1", "chmod go-w");
    expect_page(make_folder("clocks", 0755) / "s1");
    // The operator named it, and its group with it; only the page's own folder need be narrower.
    make_folder("group", 0775);
    expect_page(root_ / "group/clocks/s1");
    expect_page(make_folder("sticky", 01777) / "s1");
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown((root_ / "clocks").c_str(), kNobody, kNobody), 0);
    expect_refused(root_ / "clocks/s1", "belongs to another user");
}

TEST_F(ClockPagePlace, BelowAFolderWhereEverybodyCanReplaceWhatIsInItThereIsNoPage) {
    set_mode(root_, 0777);
    expect_refused(root_ / "berkeley/default/s1", "chmod o-w");
    EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(ClockPagePlace, WhatIsNoPlainFileIsNoPage) {
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
    expect_refused(root_ / "fifo", "not a plain file");
    make_folder("folder");
    expect_refused(root_ / "folder", "is a folder");
    std::filesystem::create_symlink(root_ / "nowhere", root_ / "link");
    expect_refused(root_ / "link", "is a symbolic link");
    EXPECT_FALSE(std::filesystem::exists(root_ / "nowhere"));
    std::ofstream(root_ / "file") << "";
    expect_refused(root_ / "file/s1", "is not a folder");
    expect_refused(root_ / "folder/.", "names no file");
    expect_refused(root_ / "folder/..", "names no file");
}

TEST_F(ClockPagePlace, FileOfAnotherUserOrWithASecondNameIsRefused) {
    expect_page(root_ / "s1");
    std::filesystem::create_hard_link(root_ / "s1", root_ / "second");
    expect_refused(root_ / "s1", "second name");
    std::filesystem::remove(root_ / "second");
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(::chown((root_ / "s1").c_str(), kNobody, kNobody), 0);
    expect_refused(root_ / "s1", "belongs to another user");
}

TEST_F(ClockPageInPrivatePlace, StickyFolderOfAnotherUserIsNoPublicPlace) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
    const auto shared = make_folder("shared", 01777);
    expect_page(shared / "berkeley/s1");
    expect_page(shared / "s1");
    ASSERT_EQ(::chown(shared.c_str(), kNobody, kNobody), 0);
    expect_refused(shared / "berkeley/s1", "belongs to another user");
    expect_refused(shared / "s1", "belongs to another user");
}

TEST_F(ClockPagePlace, OtherUsersReadThePageAndCannotChangeIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    const std::string page = (root_ / "berkeley/lab/s1").string();
    auto writer = ClockPageWriter::create(page);
    ASSERT_TRUE(writer) << writer.error();
    writer->publish(PageContent{});
    const pid_t reader = ::fork();
    if (reader == 0) {
        berkeley_clock* clock = nullptr;
        berkeley_clock_interval now{};
        const bool could_read = ::setresuid(kNobody, kNobody, kNobody) == 0 &&
                                berkeley_clock_open(page.c_str(), &clock) == BERKELEY_CLOCK_OK &&
                                berkeley_clock_now(clock, &now) == BERKELEY_CLOCK_OK;
        const bool could_write = ::open(page.c_str(), O_RDWR) >= 0 || ::unlink(page.c_str()) == 0;
        ::_exit(could_read && !could_write ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(reader, &status, 0), reader);
    EXPECT_EQ(status, 0);
}

TEST_F(ClockPagePlace, AttackerWhoSwapsLinksAllTheTimeNeverLeadsUsAstray) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    const auto target = make_folder("mine");
    const auto link = make_folder("shm", 01777) / "berkeley";
    std::atomic<bool> done{false};
    std::thread attacker([&] {
        // The bare call changes this thread alone.
        if (::syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) return;
        while (!done) {
            static_cast<void>(::symlink(target.c_str(), link.c_str()));
            static_cast<void>(::unlink(link.c_str()));
            static_cast<void>(::mkdir(link.c_str(), 0755));
            static_cast<void>(::rmdir(link.c_str()));
        }
    });
    int made = 0;
    int refused = 0;
    for (int i = 0; i < 2000 && (made < 5 || refused < 5); ++i) {
        const bool accepted = refusal(link / "lab/s1").empty();
        ++(accepted ? made : refused);
        if (!accepted) continue;
        struct stat status {};
        EXPECT_EQ(::lstat(link.c_str(), &status), 0);
        EXPECT_TRUE(S_ISDIR(status.st_mode) && status.st_uid == 0) << "what was accepted is not ours";
        std::filesystem::remove_all(link);
    }
    done = true;
    attacker.join();
    EXPECT_GT(made, 0);
    EXPECT_GT(refused, 0);
    EXPECT_TRUE(std::filesystem::is_empty(target));
}

TEST_F(ClockPagePlace, RelativePathStartsWhereTheProcessIs) {
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(root_);
    expect_page("berkeley/s1");
    expect_page("s2");
    std::filesystem::current_path(before);
    EXPECT_TRUE(std::filesystem::exists(root_ / "berkeley/s1"));
}

}  // namespace
}  // namespace berkeley
