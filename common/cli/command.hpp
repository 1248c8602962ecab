// The command line of a program: options, commands, help and errors. CLI11 does the work, and command.cpp
// alone includes it, because it costs 15 s of compiling in each file that does. Not thread-safe. Variables
// that options write to outlive the Command.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace berkeley {

/// EarlyExit: the output of a program that ends before it starts: text for stdout (--help, --version; code
/// 0) or one line for stderr (code 2). Both end in a newline.
struct EarlyExit {
    int code = 0;
    std::string output;
    std::string error;
};

/// Prints the text and returns the exit code for main.
int report(const EarlyExit& early);

/// A value that is not allowed. The text names the option.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws a UsageError.
[[noreturn]] void reject(const std::string& option, const std::string& why);

/// An option as --help shows it. A name without dashes is an argument by position.
struct OptionText {
    std::string name;
    std::string help;
    std::string type;
    std::string default_text = {};
};

enum class Values {
    one,       ///< the option is given once, with one value
    repeated,  ///< several times, each with one value
    several    ///< one or several values each time
};

/// The options of a program, or of one of its commands.
class Command {
public:
    /// Takes all values that were given; throws UsageError where one is not allowed.
    using Take = std::function<void(const std::vector<std::string>& values)>;

    struct Found {
        bool is_flag = false;
        bool repeatable = false;
        bool given = false;
    };

    /// Used by CommandLine.
    explicit Command(CLI::App& app) : app_(app) {}

    /// The heading in --help of the options that are added after it.
    void group(const std::string& heading);
    void footer(const std::string& text);

    void add(const OptionText& text, Take take, Values values = Values::one);
    void add_flag(const std::string& name, bool& target, const std::string& help);
    /// A flag that prints a text and ends the program.
    void add_report(const std::string& name, std::function<std::string()> text, const std::string& help);
    /// Arguments that are no options of ours are kept instead of being refused.
    void allow_extras();
    std::vector<std::string> extras() const;

    // Requires: the options named were added before.
    void require(const std::string& name);
    void needs(const std::string& name, const std::string& other);
    void excludes(const std::string& name, const std::string& other);

    /// Nothing where there is no such option.
    std::optional<Found> find(const std::string& name) const;
    std::string name() const;
    /// Whether this command was the one given.
    bool given() const;

protected:
    CLI::App& app_;
};

/// A program's whole command line.
class CommandLine : public Command {
public:
    CommandLine(const std::string& program, const std::string& description);
    ~CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    /// A program with commands expects one as its first argument.
    Command& add_command(const std::string& name, const std::string& description);

    const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }

    /// Calls what takes the values. Nothing where the program is to go on. Call it once.
    [[nodiscard]] std::optional<EarlyExit> parse(const std::vector<std::string>& arguments);

    /// The one line of an error, with code 2.
    EarlyExit usage_error(const std::string& why) const;

private:
    explicit CommandLine(std::unique_ptr<CLI::App> app);
    const Command* command_named(const std::string& name) const;
    void check_flags(const std::vector<std::string>& arguments) const;
    void check_command(const std::vector<std::string>& arguments) const;
    std::string hint(const std::string& allowed) const;

    std::unique_ptr<CLI::App> root_;
    std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace berkeley
