#include "page/clock_page.hpp"

#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "base/clock_map.hpp"
#include "page/clock_page_file.hpp"
#include "page/machine_identity.h"
#include "page/page_words.hpp"

namespace berkeley {

static_assert(BERKELEY_PAGE_BYTES % 64 == 0, "whole cache lines");
static_assert(BERKELEY_PAGE_WORDS * 8 <= BERKELEY_PAGE_BYTES);
static_assert(BERKELEY_PAGE_READER_STATUS * 8 == BERKELEY_PAGE_BYTES_V1, "after the words of version 1");
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
constexpr int kReaderStatusShift = 16;

/// Even, and never 0. A reader that goes over from one file to another in the middle of a snapshot must not
/// find the same number in both.
std::uint64_t random_sequence() {
    std::uint64_t word = 0;
    while (getrandom(&word, sizeof word, 0) != sizeof word) {
    }
    return ((word & 0xffffffffff) << 1) + 2;
}

std::uint64_t name_hash(std::string_view name) {
    // FNV-1a; only equality matters, and 0 stands for unknown.
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash | 1;
}

/// What a reader of version 1 is told: it takes HOLDOVER for more than we can promise.
ClockStatus status_v1(ClockStatus status) {
    return status == ClockStatus::holdover ? ClockStatus::unsynchronized : status;
}

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

void store_identity(berkeley_page& words, const std::string& cluster) {
    static const std::uint64_t boot = berkeley_boot_id();
    static const std::uint64_t time_namespace = berkeley_time_namespace();
    words.word[BERKELEY_PAGE_BOOT] = boot;
    words.word[BERKELEY_PAGE_TIME_NAMESPACE] = time_namespace;
    words.word[BERKELEY_PAGE_CLUSTER] = name_hash(cluster);
}

berkeley_page words_of(const PageContent& content, std::uint32_t disruptions, const std::string& cluster) {
    berkeley_page words{};
    store_identity(words, cluster);
    const Duration expires = Duration{saturate(Int128{std::max(content.valid_for, Duration{0}).count()} +
                                               std::max(content.holdover_for, Duration{0}).count())};
    store_map(words, content.map);
    words.word[BERKELEY_PAGE_HEADER] = BERKELEY_PAGE_HEADER_VALUE;
    words.word[BERKELEY_PAGE_GENERATION] = content.generation;
    words.word[BERKELEY_PAGE_BOUND] = static_cast<std::uint64_t>(bound_ns(content));
    words.word[BERKELEY_PAGE_BOUND_AT] = static_cast<std::uint64_t>(to_ns(content.bound_at));
    words.word[BERKELEY_PAGE_DEADLINES] = milliseconds(content.valid_for) | (milliseconds(expires) << 32);
    words.word[BERKELEY_PAGE_DEADLINES_V1] =
        milliseconds(content.valid_for) | (milliseconds(content.valid_for) << 32);
    words.word[BERKELEY_PAGE_RHO_DISRUPTION] = growth(content.rho_ppb) | (std::uint64_t{disruptions} << 32);
    words.word[BERKELEY_PAGE_TERM] = content.term;
    words.word[BERKELEY_PAGE_ROUND_STATUS] =
        (content.round << kStatusBits) | static_cast<std::uint64_t>(status_v1(content.status));
    words.word[BERKELEY_PAGE_READER_STATUS] =
        BERKELEY_PAGE_LEAST_READER | (static_cast<std::uint64_t>(content.status) << kReaderStatusShift);
    words.word[BERKELEY_PAGE_SUSPECT_SINCE] = static_cast<std::uint64_t>(to_ns(content.suspect_since));
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
    const std::uint64_t header = last_.word[BERKELEY_PAGE_HEADER];
    if (header != BERKELEY_PAGE_HEADER_VALUE && header != BERKELEY_PAGE_HEADER_V1) {
        // No reader accepts such a page, so none can be confused by a fresh beginning.
        last_ = {};
        for (auto& word : page_->word) berkeley_page_store(&word, 0);
        berkeley_page_store(&page_->word[BERKELEY_PAGE_HEADER], BERKELEY_PAGE_HEADER_VALUE);
    }
    sequence_ = last_.word[BERKELEY_PAGE_SEQUENCE];
    if (sequence_ == 0) {
        sequence_ = random_sequence();
        disruptions_ = static_cast<std::uint32_t>(random_sequence());
        return;
    }
    disruptions_ = static_cast<std::uint32_t>(last_.word[BERKELEY_PAGE_RHO_DISRUPTION] >> 32);
    // The words of a later version mean nothing in a page of version 1.
    if (header == BERKELEY_PAGE_HEADER_V1)
        std::fill(last_.word + BERKELEY_PAGE_READER_STATUS, std::end(last_.word), std::uint64_t{0});
    const bool whole = (sequence_ & 1U) == 0 && is_plausible(last_, true_now());
    past_ = whole && goes_on_here() ? Past::adopted : Past::torn;
    // From an odd number the next one up is where publish() must end; it must not end at 0, which says
    // that nothing was published.
    sequence_ &= ~std::uint64_t{1};
    if (sequence_ > kSequenceMax) sequence_ = random_sequence();
}

/// Whether the page's time is still the one of its words: the clock that they refer to went on since. What is
/// not known (0) speaks for it.
bool ClockPageWriter::goes_on_here() const {
    berkeley_page here{};
    store_identity(here, options_.cluster);
    for (const auto word : {BERKELEY_PAGE_BOOT, BERKELEY_PAGE_TIME_NAMESPACE, BERKELEY_PAGE_CLUSTER}) {
        if (last_.word[word] != 0 && here.word[word] != 0 && last_.word[word] != here.word[word])
            return false;
    }
    if (last_.word[BERKELEY_PAGE_PUBLISHED_AT] == 0) return true;
    const std::int64_t slept = berkeley_page_sub_saturated(berkeley_read_asleep().at_least_ns,
                                                           berkeley_page_int(&last_, BERKELEY_PAGE_ASLEEP));
    return slept < BERKELEY_PAGE_SLEEP_MIN_NS;
}

std::optional<PageMemory> ClockPageWriter::memory() const {
    if (past_ != Past::adopted || last_.word[BERKELEY_PAGE_HEADER] != BERKELEY_PAGE_HEADER_VALUE) return {};
    // Here a boot that is not known speaks against it: the file may have outlived the machine.
    if (last_.word[BERKELEY_PAGE_BOOT] == 0 || berkeley_boot_id() == 0) return {};
    const auto status =
        static_cast<ClockStatus>((last_.word[BERKELEY_PAGE_READER_STATUS] >> kReaderStatusShift) & 0xff);
    if (status != ClockStatus::synchronized && status != ClockStatus::holdover) return {};
    const auto value = [this](berkeley_page_word index) { return berkeley_page_int(&last_, index); };
    PageMemory memory;
    memory.bound_at = from_ns<TrueTime>(value(BERKELEY_PAGE_BOUND_AT));
    memory.bound = Duration{value(BERKELEY_PAGE_BOUND)};
    const TrueTime now = true_now();
    const std::uint64_t expires_ms = last_.word[BERKELEY_PAGE_DEADLINES] >> 32;
    const std::int64_t age = berkeley_page_sub_saturated(to_ns(now), to_ns(memory.bound_at));
    if (age < 0 || age > static_cast<std::int64_t>(expires_ms) * kNsPerMs) return {};
    if (memory.bound < Duration{0} || memory.bound.count() >= kBoundMaxNs) return {};
    memory.map.anchor_true = now;
    memory.map.anchor_cluster = from_ns<ClusterTime>(berkeley_page_now(&last_, to_ns(now)));
    memory.map.rate = {value(BERKELEY_PAGE_RATE)};
    // What the floor holds back is unslewed, too: the clock runs to where the old one is going.
    std::int64_t unslewed = 0;
    const std::int64_t mapped = berkeley_page_map(&last_, to_ns(now), &unslewed);
    memory.map.slew = Duration{berkeley_page_sub_saturated(
        berkeley_page_add_saturated(
            mapped, value(BERKELEY_PAGE_SLEW) < 0 ? -std::max<std::int64_t>(unslewed, 0) : unslewed),
        to_ns(memory.map.anchor_cluster))};
    if (!is_sane(memory.map.anchor_cluster)) return {};
    // Growth of the bound back into ppb, rounded up.
    const Int128 growth_units = last_.word[BERKELEY_PAGE_RHO_DISRUPTION] & 0xffffffff;
    memory.rho_ppb = static_cast<std::int64_t>(-floor_div(-growth_units * 1'000'000'000, Int128{1} << 32));
    memory.term = last_.word[BERKELEY_PAGE_TERM];
    return memory;
}

/// Decides, inside the odd section, how the new words go on from the last ones.
void ClockPageWriter::apply_floor(berkeley_page& next, TrueTime now, bool step) {
    if (past_ == Past::none) {
        next.word[BERKELEY_PAGE_HISTORY_SINCE] = static_cast<std::uint64_t>(to_ns(now));
        return;
    }
    const std::int64_t before = past_ == Past::torn ? 0 : berkeley_page_now(&last_, to_ns(now));
    if (past_ == Past::torn) step = true;
    if (past_ == Past::adopted) {
        const Int128 gap = Int128{before} - berkeley_page_now(&next, to_ns(now));
        step = step || gap >= kTakeoverGapMax.count() || gap <= -kTakeoverGapMax.count();
    }
    if (step) {
        ++disruptions_;
        next.word[BERKELEY_PAGE_RHO_DISRUPTION] =
            (next.word[BERKELEY_PAGE_RHO_DISRUPTION] & 0xffffffff) | (std::uint64_t{disruptions_} << 32);
        next.word[BERKELEY_PAGE_HISTORY_SINCE] = static_cast<std::uint64_t>(to_ns(now));
        return;
    }
    next.word[BERKELEY_PAGE_HISTORY_SINCE] = last_.word[BERKELEY_PAGE_HISTORY_SINCE];
    const std::int64_t floor = std::max(before, berkeley_page_int(&next, BERKELEY_PAGE_FLOOR));
    next.word[BERKELEY_PAGE_FLOOR] = static_cast<std::uint64_t>(floor);
}

/// The sequence becomes odd: readers wait from here until store() ends.
void ClockPageWriter::begin_update() const {
    // An exchange, as a plain store could still wait in the store buffer while we read the clock.
    __atomic_exchange_n(&page_->word[BERKELEY_PAGE_SEQUENCE], sequence_ + 1, __ATOMIC_SEQ_CST);
#if defined(__aarch64__)
    // There, only this holds back the reading of a system register until the store is visible.
    __asm__ volatile("dsb ish" ::: "memory");
#endif
}

/// Requires: begin_update().
void ClockPageWriter::store(const berkeley_page& words) {
    berkeley_page_store(&page_->word[BERKELEY_PAGE_HEADER], BERKELEY_PAGE_HEADER_VALUE);
    for (int i = BERKELEY_PAGE_GENERATION; i < BERKELEY_PAGE_WORDS; ++i)
        berkeley_page_store(&page_->word[i], words.word[i]);
    sequence_ += 2;
    berkeley_page_store(&page_->word[BERKELEY_PAGE_SEQUENCE], sequence_);
}

void ClockPageWriter::publish(const PageContent& content) {
    assert(page_ != nullptr);
    berkeley_page next = words_of(content, disruptions_, options_.cluster);
    // Every later reading of how long the machine slept includes this one: the least is the tightest.
    const std::int64_t asleep = berkeley_read_asleep().at_most_ns;
    next.word[BERKELEY_PAGE_ASLEEP] = static_cast<std::uint64_t>(asleep);

    begin_update();
    const TrueTime now = true_now();
    next.word[BERKELEY_PAGE_PUBLISHED_AT] = static_cast<std::uint64_t>(to_ns(now));
    apply_floor(next, now, content.step);
    store(next);
    last_ = next;
    past_ = Past::ours;
}

Result<bool> ClockPageWriter::tend() {
    assert(page_ != nullptr);
    if (is_clock_page_at(fd_, path_)) return false;
    auto fresh = create(path_, options_);
    if (!fresh) return failure(fresh.error());
    if (past_ == Past::ours) {
        if (fresh->past_ != Past::none) {
            return failure("clock page: " + path_ + ": another node's page stands there now");
        }
        fresh->begin_update();
        fresh->store(last_);
        // The readers of the old file find it stale at once, look at its name, and go over.
        begin_update();
        berkeley_page moved = last_;
        moved.word[BERKELEY_PAGE_PUBLISHED_AT] = 0;
        store(moved);
    }
    fresh->last_ = last_;
    fresh->disruptions_ = disruptions_;
    fresh->past_ = past_;
    options_.remove_at_end = false;  // of the file that has no name any more
    *this = std::move(*fresh);
    return true;
}

}  // namespace berkeley
