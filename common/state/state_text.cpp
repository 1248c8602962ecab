#include "state/state_text.hpp"

#include <zlib.h>

#include <array>
#include <cassert>
#include <cstdio>
#include <stdexcept>
#include <type_traits>

#include <nlohmann/json.hpp>

namespace berkeley {
namespace {

using Json = nlohmann::ordered_json;

/// 1: promises and what was learned in one file.
constexpr int kFormatOfBoth = 1;
constexpr int kFormat = 2;

std::string checksum_line(std::string_view body) {
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    std::array<char, 20> line{};
    std::snprintf(line.data(), line.size(), "crc32 %08lx\n", sum);
    return line.data();
}

std::string with_checksum(const Json& json) {
    const std::string body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return body + checksum_line(body);
}

/// A checksum does not see a file that was edited, or written by a program with other bounds. These throw
/// std::exception, which read_checked() turns into its error.
template <class Text>
Text read_text(const Json& value) {
    return Text::from(value.get_ref<const std::string&>()).value();
}

std::string read_word(const Json& value) {
    auto word = value.get<std::string>();
    if (word.size() > kOscillatorWordMax) throw std::out_of_range("word");
    return word;
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

Learned read_learned(const Json& json) {
    Learned learned;
    learned.freq_ppb = read_integer<std::int64_t>(json.at("freq_ppb"));
    learned.freq_skew_ppb = read_integer<std::int64_t>(json.at("freq_skew_ppb"));
    if (learned.freq_ppb < -kRateMaxPpb || learned.freq_ppb > kRateMaxPpb || learned.freq_skew_ppb < 0) {
        throw std::out_of_range("frequency");
    }
    if (const auto found = json.find("oscillator"); found != json.end()) {
        learned.oscillator = {read_word(found->at("machine")), read_word(found->at("boot")),
                              read_word(found->at("clock_source")),
                              read_integer<std::int64_t>(found->at("injected_ppb"))};
    }
    const Json& candidates = json.at("candidates");
    if (candidates.size() > kMaxCandidates) throw std::out_of_range("list");
    for (const Json& c : candidates) {
        learned.candidates.push_back({read_name(c.at("id"), false),
                                      read_integer<std::int32_t>(c.at("priority")),
                                      read_text<Url>(c.at("poll")), read_text<Url>(c.at("publish")),
                                      read_text<Url>(c.at("heartbeat"))});
        // An earlier release saved neither.
        CandidateInfo& info = learned.candidates.back();
        if (c.contains("version")) info.version = read_integer<std::uint64_t>(c.at("version"));
        if (c.contains("age_ns")) info.age = Duration{read_integer<std::int64_t>(c.at("age_ns"))};
        if (info.version > kTermMax || info.age < Duration{0}) throw std::out_of_range("candidate");
    }
    return learned;
}

Promises read_promises(const Json& json) {
    Promises promises;
    if (json.contains("id")) promises.id = read_name(json.at("id"), true);
    if (json.contains("timeout_ns")) {
        promises.timeout = Duration{read_integer<std::int64_t>(json.at("timeout_ns"))};
        if (promises.timeout < Duration{0} || promises.timeout > std::chrono::hours{1}) {
            throw std::out_of_range("timeout");
        }
    }
    promises.term = read_integer<Term>(json.at("term"));
    promises.voted_for = read_name(json.at("voted_for"), true);
    promises.incarnation = read_integer<Incarnation>(json.at("incarnation"));
    const Json& committee = json.at("committee");
    promises.committee.term = read_integer<Term>(committee.at("term"));
    promises.committee.version = read_integer<std::uint64_t>(committee.at("version"));
    const Json& voters = committee.at("voters");
    if (voters.size() > kMaxCommittee) throw std::out_of_range("list");
    if (promises.term > kTermMax || promises.committee.term > kTermMax) throw std::out_of_range("term");
    for (const Json& v : voters) {
        promises.committee.voters.push_back(
            {read_name(v.at("id"), false), read_integer<Incarnation>(v.at("incarnation"))});
    }
    return promises;
}

/// `read` makes the result of the JSON in a text whose checksum is right.
template <class Read>
auto read_checked(std::string_view text, Read read) -> Result<decltype(read(Json{}))> {
    if (text.size() > kMaxStateBytes) return failure("is longer than any that was saved");
    const std::size_t body_end = text.find('\n');
    if (body_end == std::string_view::npos) return failure("is cut short");
    const std::string_view body = text.substr(0, body_end + 1);
    if (text.substr(body_end + 1) != checksum_line(body)) return failure("does not match its checksum");
    try {
        const Json json = Json::parse(body);
        const Json& format = json.at("format");
        if (format != kFormat && format != kFormatOfBoth) {
            return failure("has a format that is not known here");
        }
        return read(json);
    } catch (const std::exception&) {
        return failure("has a value that is missing or not allowed");
    }
}

}  // namespace

std::string to_text(const Promises& promises) {
    assert(promises.committee.voters.size() <= kMaxCommittee);
    Json voters = Json::array();
    for (const Voter& v : promises.committee.voters) {
        voters.push_back({{"id", v.id.view()}, {"incarnation", v.incarnation}});
    }
    const Committee& committee = promises.committee;
    return with_checksum(
        {{"format", kFormat},
         {"id", promises.id.view()},
         {"term", promises.term},
         {"voted_for", promises.voted_for.view()},
         {"incarnation", promises.incarnation},
         {"timeout_ns", std::int64_t{promises.timeout.count()}},
         {"committee", {{"term", committee.term}, {"version", committee.version}, {"voters", voters}}}});
}

std::string to_text(const Learned& learned) {
    assert(learned.candidates.size() <= kMaxCandidates);
    Json candidates = Json::array();
    for (const CandidateInfo& c : learned.candidates) {
        candidates.push_back({{"id", c.id.view()},
                              {"priority", c.priority},
                              {"poll", c.poll.view()},
                              {"publish", c.publish.view()},
                              {"heartbeat", c.heartbeat.view()},
                              {"version", c.version},
                              {"age_ns", std::int64_t{c.age.count()}}});
    }
    return with_checksum({{"format", kFormat},
                          {"freq_ppb", learned.freq_ppb},
                          {"freq_skew_ppb", learned.freq_skew_ppb},
                          {"oscillator",
                           {{"machine", learned.oscillator.machine},
                            {"boot", learned.oscillator.boot},
                            {"clock_source", learned.oscillator.clock_source},
                            {"injected_ppb", learned.oscillator.injected_ppb}}},
                          {"candidates", candidates}});
}

Result<PromisesText> promises_from(std::string_view text) {
    return read_checked(text, [](const Json& json) {
        PromisesText read{read_promises(json), {}};
        if (json.at("format") == kFormatOfBoth) read.learned = read_learned(json);
        return read;
    });
}

Result<Learned> learned_from(std::string_view text) {
    return read_checked(text, [](const Json& json) { return read_learned(json); });
}

}  // namespace berkeley
