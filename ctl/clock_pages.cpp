#include "ctl/clock_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <tl/expected.hpp>

#include "base/duration_text.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"
#include "berkeley/clock.h"
#include "ctl/time_text.hpp"
#include "os/os_clock.hpp"

namespace berkeley::ctl {

namespace {

/// We repeat a sweep over the pages that was interrupted; the tightest of so many counts.
constexpr int kSweeps = 20;

struct Close {
    void operator()(berkeley_clock* clock) const { berkeley_clock_close(clock); }
};
using Clock = std::unique_ptr<berkeley_clock, Close>;

struct OpenPage {
    std::string path;
    Clock clock;
};

std::string error_line(const std::string& path, int error) {
    return path + ": " + berkeley_clock_strerror(error);
}

/// Opens the pages. Each page that cannot be opened gives a line in the errors.
std::vector<OpenPage> open_all(const std::vector<std::string>& paths, std::vector<std::string>& errors) {
    std::vector<OpenPage> pages;
    for (const std::string& path : paths) {
        berkeley_clock* clock = nullptr;
        const int error = berkeley_clock_open(path.c_str(), &clock);
        if (error == BERKELEY_CLOCK_OK) {
            pages.push_back({path, Clock(clock)});
        } else {
            errors.push_back(error_line(path, error));
        }
    }
    return pages;
}

struct Unreadable {
    std::size_t page;
    int error;
};

/// Reads all pages once. It takes each page's time less the true time at which it was read, so the order of
/// reading does not matter.
tl::expected<ClockComparison, Unreadable> sweep(const std::vector<OpenPage>& pages) {
    ClockComparison best;
    Duration narrowest = Duration::max();
    Unreadable last{0, BERKELEY_CLOCK_OK};
    for (int attempt = 0; attempt < kSweeps; ++attempt) {
        ClockComparison seen;
        Duration doubt{0};
        std::vector<std::int64_t> ahead;
        for (std::size_t i = 0; i < pages.size(); ++i) {
            berkeley_clock_reading reading{};
            const TrueTime before = true_now();
            const int error = berkeley_clock_read(pages[i].clock.get(), &reading, sizeof reading);
            const TrueTime after = true_now();
            if (error != BERKELEY_CLOCK_OK) {
                last = {i, error};
                // A preempted writer is soon done, so the next attempt may find the page whole.
                if (error == BERKELEY_CLOCK_ERR_BUSY) break;
                return tl::unexpected(last);
            }
            doubt = std::max(doubt, after - before);
            const berkeley_clock_interval& interval = reading.interval;
            ahead.push_back(interval.now_ns - reading.raw_ns);
            seen.pages.push_back({pages[i].path, interval.now_ns, half_width_ns(interval), interval.term,
                                  interval.disruption, interval.status, reading.age_ns,
                                  reading.suspect_for_ns, reading.running != 0});
        }
        if (seen.pages.size() < pages.size() || doubt >= narrowest) continue;
        narrowest = doubt;
        const auto [low, high] = std::minmax_element(ahead.begin(), ahead.end());
        seen.spread_ns = *high - *low;
        best = std::move(seen);
    }
    if (best.pages.empty()) return tl::unexpected(last);
    return best;
}

}  // namespace

std::string_view status_text(int status) {
    switch (status) {
        case BERKELEY_CLOCK_SYNCHRONIZED:
            return "SYNCHRONIZED";
        case BERKELEY_CLOCK_HOLDOVER:
            return "HOLDOVER";
        case BERKELEY_CLOCK_DISRUPTED:
            return "DISRUPTED";
        default:
            return "UNSYNCHRONIZED";
    }
}

std::int64_t half_width_ns(const berkeley_clock_interval& interval) {
    return interval.latest_ns / 2 - interval.earliest_ns / 2;
}

ClockComparison compare_clocks(const ClockQuery& query) {
    std::vector<std::string> errors;
    std::vector<OpenPage> pages = open_all(query.pages, errors);
    const TrueTime end = true_now() + query.watch;
    std::int64_t widest = 0;
    while (!pages.empty()) {
        auto comparison = sweep(pages);
        if (!comparison) {
            const auto bad = pages.begin() + static_cast<std::ptrdiff_t>(comparison.error().page);
            errors.push_back(error_line(bad->path, comparison.error().error));
            pages.erase(bad);
            continue;
        }
        widest = std::max(widest, comparison->spread_ns);
        if (true_now() >= end) {
            comparison->spread_ns = widest;
            comparison->errors = std::move(errors);
            return std::move(*comparison);
        }
        std::this_thread::sleep_for(query.every);
    }
    return {.errors = std::move(errors)};
}

std::string as_table(const ClockComparison& comparison) {
    std::size_t width = 4;
    for (const PageReading& page : comparison.pages) width = std::max(width, page.path.size());
    std::string text = fmt::format("{:<{}}  {:<26}  {:<14} {:>10} {:>5} {:>8}  {}\n", "page", width,
                                   "cluster time", "status", "bound", "term", "age", "node");
    for (const PageReading& page : comparison.pages) {
        text +=
            fmt::format("{:<{}}  {:<26}  {:<14} {:>10} {:>5} {:>8}  {}{}\n", page.path, width,
                        calendar_text(from_ns<ClusterTime>(page.now_ns)), status_text(page.status),
                        bound_text(Duration{page.bound_ns}), page.term, duration_text(Duration{page.age_ns}),
                        page.running ? "runs" : "does not run", page.suspect_for_ns >= 0 ? ", suspect" : "");
    }
    return text + fmt::format("spread {}\n", duration_text(Duration{comparison.spread_ns}));
}

std::string as_json(const ClockComparison& comparison) {
    JsonWriter json;
    json.begin_object().field("spread_ns", comparison.spread_ns).key("pages").begin_array();
    for (const PageReading& page : comparison.pages) {
        json.begin_object()
            .field("path", page.path)
            .field("now_ns", page.now_ns)
            .field("bound_ns", known_bound_ns(Duration{page.bound_ns}))
            .field("status", status_text(page.status))
            .field("term", page.term)
            .field("disruption", page.disruption)
            .field("age_ns", page.age_ns)
            .field("running", page.running)
            .field("suspect_for_ns", page.suspect_for_ns < 0
                                         ? std::optional<std::int64_t>{}
                                         : std::optional<std::int64_t>{page.suspect_for_ns})
            .end_object();
    }
    return json.end_array().end_object().take();
}

}  // namespace berkeley::ctl
