#include "cli/command.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/text.hpp"

namespace berkeley {
namespace {

bool is_repeatable(const CLI::Option& option) {
    return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

/// "a, b and c".
std::string listed(const std::vector<std::unique_ptr<Command>>& commands) {
    std::string text;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (i > 0) text += i + 1 == commands.size() ? " and " : ", ";
        text += commands[i]->name();
    }
    return text;
}

}  // namespace

int report(const EarlyExit& early) {
    std::fputs(early.output.c_str(), stdout);
    std::fputs(early.error.c_str(), stderr);
    return early.code;
}

void reject(const std::string& option, const std::string& why) { throw UsageError(option + ": " + why); }

void Command::group(const std::string& heading) { app_.option_defaults()->group(heading); }

void Command::footer(const std::string& text) { app_.footer(text); }

void Command::add(const OptionText& text, Take take, Values values) {
    CLI::Option* option =
        app_.add_option(text.name, CLI::callback_t([take = std::move(take)](const CLI::results_t& results) {
                            take(results);
                            return true;
                        }),
                        text.help);
    option->type_name(text.type)->default_str(text.default_text);
    if (values == Values::repeated) option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (values == Values::several) {
        option->expected(CLI::detail::expected_max_vector_size)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
}

void Command::add_flag(const std::string& name, bool& target, const std::string& help) {
    app_.add_flag_callback(
        name, [&target] { target = true; }, help);
}

void Command::add_report(const std::string& name, std::function<std::string()> text,
                         const std::string& help) {
    app_.add_flag_callback(
        name,
        [text = std::move(text)] {
            throw EarlyExit{0, text(), {}};
        },
        help);
}

void Command::allow_extras() { app_.allow_extras(); }

std::vector<std::string> Command::extras() const { return app_.remaining(); }

void Command::require(const std::string& name) { app_.get_option(name)->required(); }

void Command::needs(const std::string& name, const std::string& other) {
    app_.get_option(name)->needs(app_.get_option(other));
}

void Command::excludes(const std::string& name, const std::string& other) {
    app_.get_option(name)->excludes(app_.get_option(other));
}

std::optional<Command::Found> Command::find(const std::string& name) const {
    const CLI::Option* option = app_.get_option_no_throw(name);
    if (option == nullptr) return std::nullopt;
    return Found{option->get_items_expected_max() == 0, is_repeatable(*option), option->count() > 0};
}

std::string Command::name() const { return app_.get_name(); }

bool Command::given() const { return app_.parsed(); }

CommandLine::CommandLine(const std::string& program, const std::string& description)
    : CommandLine(std::make_unique<CLI::App>(description, program)) {
    app_.set_version_flag("--version", program + " " BERKELEY_VERSION, "Print the version and exit");
    app_.get_formatter()->column_width(36);
}

CommandLine::CommandLine(std::unique_ptr<CLI::App> app) : Command(*app), root_(std::move(app)) {}

CommandLine::~CommandLine() = default;

Command& CommandLine::add_command(const std::string& name, const std::string& description) {
    app_.require_subcommand(1);
    return *commands_.emplace_back(std::make_unique<Command>(*app_.add_subcommand(name, description)));
}

std::optional<EarlyExit> CommandLine::parse(const std::vector<std::string>& arguments) {
    try {
        check_command(arguments);
        check_flags(arguments);
        app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // as CLI11 wants them
        return std::nullopt;
    } catch (const EarlyExit& early) {
        return early;
    } catch (const CLI::CallForHelp&) {
        return EarlyExit{0, app_.help(), {}};
    } catch (const CLI::CallForVersion& version) {
        return EarlyExit{0, std::string(version.what()) + "\n", {}};
    } catch (const CLI::ExtrasError& error) {
        return usage_error(one_line(error.what()) + hint("the options of --help are allowed"));
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string_view text = error.what();
        const auto option = find(std::string(text.substr(0, text.find(':'))));
        return usage_error(one_line(error.what()) +
                           hint(option && option->repeatable
                                    ? "it is allowed several times, each with one value"
                                    : "it is allowed once, with one value"));
    } catch (const std::exception& error) {
        return usage_error(one_line(error.what()) + hint(""));
    }
}

EarlyExit CommandLine::usage_error(const std::string& why) const {
    return {2, {}, app_.get_name() + ": " + one_line(why) + "\n"};
}

const Command* CommandLine::command_named(const std::string& name) const {
    for (const auto& command : commands_) {
        if (command->name() == name) return command.get();
    }
    return nullptr;
}

/// CLI11 would take any number behind a flag for yes.
void CommandLine::check_flags(const std::vector<std::string>& arguments) const {
    const Command* command = arguments.empty() ? nullptr : command_named(arguments.front());
    if (command == nullptr) command = this;
    for (const std::string& argument : arguments) {
        const auto equals = argument.find('=');
        if (equals == std::string::npos) continue;
        const auto option = command->find(argument.substr(0, equals));
        if (option && option->is_flag) {
            reject(argument.substr(0, equals), "it is allowed without a value only");
        }
    }
}

/// Without this check CLI11 would only say that some argument was not expected, or that a command is missing.
void CommandLine::check_command(const std::vector<std::string>& arguments) const {
    if (commands_.empty()) return;
    const std::string allowed = listed(commands_) + " are allowed";
    if (arguments.empty()) throw UsageError("name a command: " + allowed);
    const std::string& first = arguments.front();
    const std::string quoted = "'" + first.substr(0, 60) + "'";
    if (!first.starts_with('-')) {
        if (command_named(first) == nullptr) throw UsageError(quoted + " is no command: " + allowed);
        return;
    }
    if (first == "-h" || first == "--help" || first == "--version") return;
    throw UsageError(quoted +
                     " is not allowed here: --help, --version or a command, with its options after it");
}

std::string CommandLine::hint(const std::string& allowed) const {
    if (!commands_.empty()) return " (see " + name() + " --help)";
    return allowed.empty() ? "" : ": " + allowed;
}

}  // namespace berkeley
