#include "page/clock_page.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "base/clock_map.hpp"
#include "page/clock_page_file.hpp"
#include "page/page_words.hpp"

namespace berkeley {

static_assert(BERKELEY_PAGE_BYTES == 128, "two cache lines");
static_assert(sizeof(berkeley_page) == BERKELEY_PAGE_BYTES);
static_assert(FineRate::kBits == BERKELEY_PAGE_RATE_BITS);
// berkeley_clock_status is the same list, append-only.
static_assert(static_cast<int>(ClockStatus::unsynchronized) == 0);
static_assert(static_cast<int>(ClockStatus::synchronized) == 1);
static_assert(static_cast<int>(ClockStatus::holdover) == 2);
static_assert(static_cast<int>(ClockStatus::disrupted) == 3);

namespace {

TrueTime true_now() { return from_ns<TrueTime>(berkeley_page_true_now()); }

constexpr std::int64_t kNsPerMs = 1'000'000;
/// This bound says nothing; it is small enough that growing and adding it cannot overflow at once.
constexpr std::int64_t kBoundMaxNs = std::int64_t{1} << 61;
/// The round shares its word with the status.
constexpr int kStatusBits = 8;
/// Out of reach of honest counting.
constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 62;

std::uint64_t milliseconds(Duration duration) {
    const std::int64_t ms = std::max<std::int64_t>(duration.count(), 0) / kNsPerMs;
    return static_cast<std::uint64_t>(std::min<std::int64_t>(ms, std::numeric_limits<std::uint32_t>::max()));
}

/// Growth of the bound in 2^-32, rounded up: a bound may be too wide, never too narrow.
std::uint64_t growth(std::int64_t ppb) {
    const std::int64_t limited = std::clamp<std::int64_t>(ppb, 0, kRateMaxPpb);
    return static_cast<std::uint64_t>(-floor_div(-(Int128{limited} << 32), 1'000'000'000));
}

std::int64_t bound_ns(const PageContent& content) {
    Int128 bound = std::max<std::int64_t>(content.bound.count(), 0);
    // A slew that never moves is never shrunk by the readers: it is error for good.
    if (content.map.slew_rate.units <= 0) {
        const Int128 slew = content.map.slew.count();
        bound += slew < 0 ? -slew : slew;
    }
    return static_cast<std::int64_t>(std::min<Int128>(bound, kBoundMaxNs));
}

berkeley_page words_of(const PageContent& content, std::uint32_t disruptions) {
    berkeley_page words{};
    const Duration expires = Duration{saturate(Int128{std::max(content.valid_for, Duration{0}).count()} +
                                               std::max(content.holdover_for, Duration{0}).count())};
    store_map(words, content.map);
    words.word[BERKELEY_PAGE_HEADER] = BERKELEY_PAGE_HEADER_VALUE;
    words.word[BERKELEY_PAGE_GENERATION] = content.generation;
    words.word[BERKELEY_PAGE_BOUND] = static_cast<std::uint64_t>(bound_ns(content));
    words.word[BERKELEY_PAGE_BOUND_AT] = static_cast<std::uint64_t>(to_ns(content.bound_at));
    words.word[BERKELEY_PAGE_DEADLINES] = milliseconds(content.valid_for) | (milliseconds(expires) << 32);
    words.word[BERKELEY_PAGE_RHO_DISRUPTION] = growth(content.rho_ppb) | (std::uint64_t{disruptions} << 32);
    words.word[BERKELEY_PAGE_TERM] = content.term;
    words.word[BERKELEY_PAGE_ROUND_STATUS] =
        (content.round << kStatusBits) | static_cast<std::uint64_t>(content.status);
    return words;
}

/// Whether words from another process can be evaluated at all. Their values are checked where they are used.
bool is_plausible(const berkeley_page& words, TrueTime now) {
    const auto value = [&words](berkeley_page_word index) { return berkeley_page_int(&words, index); };
    constexpr std::int64_t kRateMax = FineRate::from_ppb(2 * kRateMaxPpb).units;
    constexpr std::int64_t kSlewRateMax = FineRate::from_ppb(2 * kSlewRateMaxPpb).units;
    return value(BERKELEY_PAGE_ANCHOR_TRUE) >= 0 &&
           // An anchor that lies ahead is of another boot of the machine.
           value(BERKELEY_PAGE_ANCHOR_TRUE) <= to_ns(now) && value(BERKELEY_PAGE_RATE) >= -kRateMax &&
           value(BERKELEY_PAGE_RATE) <= kRateMax && value(BERKELEY_PAGE_SLEW_RATE) >= 0 &&
           value(BERKELEY_PAGE_SLEW_RATE) <= kSlewRateMax && value(BERKELEY_PAGE_SLEW_FOR) >= 0 &&
           is_sane(from_ns<ClusterTime>(value(BERKELEY_PAGE_ANCHOR_CLUSTER)));
}

}  // namespace

Result<ClockPageWriter> ClockPageWriter::create(const std::string& path, Options options) {
    const auto fd = open_clock_page_file(path);
    if (!fd) return failure(fd.error());
    void* memory = ::mmap(nullptr, BERKELEY_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (memory == MAP_FAILED) {
        const int error = errno;
        ::close(*fd);
        return failure("clock page: " + path + ": " + std::generic_category().message(error));
    }
    ClockPageWriter writer{path, *fd, static_cast<berkeley_page*>(memory), options};
    writer.adopt();
    return writer;
}

ClockPageWriter::ClockPageWriter(std::string path, int fd, berkeley_page* page, Options options)
    : path_(std::move(path)), options_(options), fd_(fd), page_(page) {}

ClockPageWriter::ClockPageWriter(ClockPageWriter&& other) noexcept
    : path_(std::move(other.path_)),
      options_(other.options_),
      fd_(std::exchange(other.fd_, -1)),
      page_(std::exchange(other.page_, nullptr)),
      last_(other.last_),
      sequence_(other.sequence_),
      disruptions_(other.disruptions_),
      past_(other.past_) {}

ClockPageWriter& ClockPageWriter::operator=(ClockPageWriter&& other) noexcept {
    if (this == &other) return *this;
    release();
    path_ = std::move(other.path_);
    options_ = other.options_;
    fd_ = std::exchange(other.fd_, -1);
    page_ = std::exchange(other.page_, nullptr);
    last_ = other.last_;
    sequence_ = other.sequence_;
    disruptions_ = other.disruptions_;
    past_ = other.past_;
    return *this;
}

ClockPageWriter::~ClockPageWriter() { release(); }

void ClockPageWriter::release() noexcept {
    if (page_ == nullptr) return;
    // The page is removed while it is locked, so a successor finds it whole, or not at all.
    if (options_.remove_at_end) ::unlink(path_.c_str());
    ::munmap(page_, BERKELEY_PAGE_BYTES);
    ::close(fd_);
    page_ = nullptr;
    fd_ = -1;
}

/// Looks at what an earlier process left in the page. No reader is disturbed: the page goes on until the
/// first publication.
void ClockPageWriter::adopt() {
    for (int i = 0; i < BERKELEY_PAGE_WORDS; ++i) last_.word[i] = berkeley_page_load(&page_->word[i]);
    if (last_.word[BERKELEY_PAGE_HEADER] != BERKELEY_PAGE_HEADER_VALUE) {
        // No reader accepts such a page, so none can be confused by a fresh beginning.
        for (auto& word : page_->word) berkeley_page_store(&word, 0);
        berkeley_page_store(&page_->word[BERKELEY_PAGE_HEADER], BERKELEY_PAGE_HEADER_VALUE);
        return;
    }
    sequence_ = last_.word[BERKELEY_PAGE_SEQUENCE];
    if (sequence_ == 0) return;
    disruptions_ = static_cast<std::uint32_t>(last_.word[BERKELEY_PAGE_RHO_DISRUPTION] >> 32);
    const bool whole = (sequence_ & 1U) == 0 && is_plausible(last_, true_now());
    past_ = whole ? Past::adopted : Past::torn;
    // From an odd number the next one up is where publish() must end; it must not end at 0, which says
    // that nothing was published.
    sequence_ &= ~std::uint64_t{1};
    if (sequence_ > kSequenceMax) sequence_ = 0;
}

/// Decides, inside the odd section, how the new words go on from the last ones.
void ClockPageWriter::apply_floor(berkeley_page& next, TrueTime now, bool step) {
    if (past_ == Past::none) return;
    const std::int64_t before = past_ == Past::torn ? 0 : berkeley_page_now(&last_, to_ns(now));
    if (past_ == Past::torn) step = true;
    if (past_ == Past::adopted) {
        const Int128 gap = Int128{before} - berkeley_page_now(&next, to_ns(now));
        step = step || gap >= kTakeoverGapMax.count() || gap <= -kTakeoverGapMax.count();
    }
    if (step) {
        ++disruptions_;
        next.word[BERKELEY_PAGE_RHO_DISRUPTION] += std::uint64_t{1} << 32;
        return;
    }
    const std::int64_t floor = std::max(before, berkeley_page_int(&next, BERKELEY_PAGE_FLOOR));
    next.word[BERKELEY_PAGE_FLOOR] = static_cast<std::uint64_t>(floor);
}

void ClockPageWriter::publish(const PageContent& content) {
    assert(page_ != nullptr);
    berkeley_page next = words_of(content, disruptions_);

    // An exchange, as a plain store could still wait in the store buffer while we read the clock.
    __atomic_exchange_n(&page_->word[BERKELEY_PAGE_SEQUENCE], sequence_ + 1, __ATOMIC_SEQ_CST);
#if defined(__aarch64__)
    // There, only this holds back the reading of a system register until the store is visible.
    __asm__ volatile("dsb ish" ::: "memory");
#endif
    apply_floor(next, true_now(), content.step);
    for (int i = BERKELEY_PAGE_GENERATION; i < BERKELEY_PAGE_WORDS; ++i)
        berkeley_page_store(&page_->word[i], next.word[i]);
    sequence_ += 2;
    berkeley_page_store(&page_->word[BERKELEY_PAGE_SEQUENCE], sequence_);

    last_ = next;
    past_ = Past::ours;
}

}  // namespace berkeley
