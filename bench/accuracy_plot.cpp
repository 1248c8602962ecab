#include "bench/accuracy_phase.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace berkeley::bench {

namespace {

/// More points than the picture has pixels only make the file large.
constexpr std::size_t kPointsMax = 1500;
constexpr double kMicro = 1000;

double mean_of(const harness::Sweep& sweep) {
    // Relative to the first clock: as doubles, times since 1970 would lose hundreds of nanoseconds.
    double sum = 0;
    for (const harness::Reading& reading : sweep.clocks) {
        sum += static_cast<double>(reading.now_ns - sweep.clocks.front().now_ns);
    }
    return sum / static_cast<double>(sweep.clocks.size());
}

/// One line an instant: seconds, the bound of the last slave, each clock's deviation.
std::string data_of(const std::vector<const harness::Sweep*>& sweeps, TrueTime began) {
    std::string text;
    for (const harness::Sweep* sweep : sweeps) {
        const double mean = mean_of(*sweep);
        text += fmt::format("{:.3f} {:.3f}", std::chrono::duration<double>(sweep->at - began).count(),
                            static_cast<double>(sweep->clocks.back().bound_ns) / kMicro);
        for (const harness::Reading& reading : sweep->clocks) {
            const auto ahead = static_cast<double>(reading.now_ns - sweep->clocks.front().now_ns);
            text += fmt::format(" {:.3f}", (ahead - mean) / kMicro);
        }
        text += '\n';
    }
    return text;
}

std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
    return result + "'";
}

std::string script_of(const std::string& data, const std::string& file, std::size_t clocks, double change,
                      double end) {
    const std::string clock_lines = fmt::format(
        "{} using 1:3 with lines lw 1.6 lc rgb '#202020' title 'master', "
        "for [i=4:{}] {} using 1:i with lines lw 0.8 lc (i-3) title sprintf('slave %d', i-3)",
        quoted(data), clocks + 2, quoted(data));
    return fmt::format(
        "set terminal {8} size 1000,760 font 'sans,13' background rgb 'white'\n"
        "set output {0}\n"
        "set multiplot layout 2,1\n"
        // The eighth colour is the master's black, and the tick above would run through a label.
        "set linetype 8 lc rgb '#a65628'\nset xtics nomirror\n"
        "set xrange [0:{2}]\nset grid back lc rgb '#dddddd'\nset lmargin 10\nset rmargin 18\n"
        "set key outside right top samplen 2\nset xlabel 'seconds'\nset ylabel 'microseconds'\n"
        "set object 1 rectangle from {1}, graph 0 to {2}, graph 1 back fs solid noborder fc rgb '#fff1dd'\n"
        "set label 1 'idle' at {3}, graph 0.95 center\n"
        "set label 2 'loaded: two processes spin' at {4}, graph 0.95 center\n"
        "set title 'Deviation of each clock from the mean of all'\n"
        "set offsets 0, 0, graph 0.1, graph 0.05\n"
        "plot {5}\n"
        "set title 'The same within the error bound of one slave'\n"
        "plot {6} using 1:2 with lines lw 1.5 lc rgb '#c00000' title 'bound', "
        "{6} using 1:(-$2) with lines lw 1.5 lc rgb '#c00000' notitle, "
        "for [i=3:{7}] {6} using 1:i with lines lw 0.8 lc rgb '#404040' "
        "title (i == 3 ? 'all clocks' : '')\n"
        "unset multiplot\n",
        quoted(file), change, end, change / 2, (change + end) / 2, clock_lines, quoted(data), clocks + 2,
        file.ends_with(".png") ? "pngcairo" : "svg");
}

}  // namespace

Result<void> check_plot(const std::string& file) {
    if (harness::find_program("gnuplot").empty())
        return failure("--plot: 'gnuplot' is missing (package gnuplot-nox)");
    // Now, and not when all has been measured.
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::absolute(file, error).parent_path();
    if (error || ::access(folder.c_str(), W_OK) != 0 || std::filesystem::is_directory(file, error)) {
        return failure("--plot: '" + file + "' cannot be written");
    }
    return {};
}

Result<void> plot_accuracy(const harness::TemporaryFolder& folder, const std::string& file,
                           const std::vector<harness::Sweep>& idle,
                           const std::vector<harness::Sweep>& loaded) {
    if (idle.empty() || loaded.empty()) return failure("--plot: there is nothing to draw");
    const std::size_t stride = (idle.size() + loaded.size()) / kPointsMax + 1;
    std::vector<const harness::Sweep*> chosen;
    for (const auto* half : {&idle, &loaded}) {
        for (std::size_t i = 0; i < half->size(); i += stride) chosen.push_back(&(*half)[i]);
    }
    const TrueTime began = idle.front().at;
    const auto seconds = [&](const harness::Sweep& sweep) {
        return std::chrono::duration<double>(sweep.at - began).count();
    };
    const std::string data = folder.file("plot.data");
    const std::string script = folder.file("plot.script");
    if (!(std::ofstream(data) << data_of(chosen, began) << std::flush) ||
        !(std::ofstream(script) << script_of(data, file, idle.front().clocks.size(), seconds(loaded.front()),
                                             seconds(loaded.back()))
                                << std::flush)) {
        return failure("'" + folder.path().string() + "' cannot be written");
    }
    const auto drawn = harness::run_successfully({.program = "gnuplot", .arguments = {script}});
    if (!drawn) return failure("--plot: " + drawn.error());
    return {};
}

}  // namespace berkeley::bench
