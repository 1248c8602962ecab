#include "tests/harness/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

namespace berkeley::harness {

namespace {

const Json kNull;

}  // namespace

struct Json::Convert {
    static Json in(const nlohmann::json& from) {
        Json to;
        if (from.is_discarded()) {
            to.kind_ = Kind::discarded;
        } else if (from.is_boolean()) {
            to.kind_ = Kind::boolean;
            to.integer_ = from.get<bool>() ? 1 : 0;
        } else if (from.is_number_unsigned()) {
            to.kind_ = Kind::integer;
            to.integer_ = static_cast<std::int64_t>(from.get<std::uint64_t>());
        } else if (from.is_number_integer()) {
            to.kind_ = Kind::integer;
            to.integer_ = from.get<std::int64_t>();
        } else if (from.is_number()) {
            to.kind_ = Kind::real;
            to.real_ = from.get<double>();
        } else if (from.is_string()) {
            to.kind_ = Kind::text;
            to.text_ = from.get_ref<const std::string&>();
        } else if (from.is_array() || from.is_object()) {
            to.kind_ = from.is_array() ? Kind::array : Kind::object;
            for (const auto& [key, element] : from.items()) {
                if (from.is_object()) to.keys_.push_back(key);
                to.elements_.push_back(in(element));
            }
        }
        return to;
    }

    static nlohmann::json out(const Json& from) {
        switch (from.kind_) {
            case Kind::null:
            case Kind::discarded:
                return nullptr;
            case Kind::boolean:
                return from.integer_ != 0;
            case Kind::integer:
                return from.integer_;
            case Kind::real:
                return from.real_;
            case Kind::text:
                return from.text_;
            case Kind::array:
            case Kind::object:
                break;
        }
        auto to = from.is_array() ? nlohmann::json::array() : nlohmann::json::object();
        for (std::size_t i = 0; i < from.elements_.size(); ++i) {
            if (from.is_array()) {
                to.push_back(out(from.elements_[i]));
            } else {
                to[from.keys_[i]] = out(from.elements_[i]);
            }
        }
        return to;
    }
};

Json::Json(std::initializer_list<const char*> texts) : kind_(Kind::array) {
    for (const char* text : texts) {
        elements_.emplace_back();
        elements_.back().kind_ = Kind::text;
        elements_.back().text_ = text;
    }
}

Json Json::parse(std::string_view text) {
    return Convert::in(nlohmann::json::parse(text.begin(), text.end(), nullptr, false));
}

const Json* Json::find(std::string_view key) const {
    const auto at = std::find(keys_.begin(), keys_.end(), key);
    return at == keys_.end() ? nullptr : &elements_[static_cast<std::size_t>(at - keys_.begin())];
}

const Json& Json::operator[](std::string_view key) const& {
    const Json* found = find(key);
    return found != nullptr ? *found : kNull;
}

const Json& Json::operator[](std::size_t index) const& {
    return index < elements_.size() ? elements_[index] : kNull;
}

std::vector<std::pair<std::string, Json>> Json::items() const {
    std::vector<std::pair<std::string, Json>> pairs;
    for (std::size_t i = 0; i < keys_.size(); ++i) pairs.emplace_back(keys_[i], elements_[i]);
    return pairs;
}

void Json::erase(std::string_view key) {
    const auto at = std::find(keys_.begin(), keys_.end(), key);
    if (at == keys_.end()) return;
    elements_.erase(elements_.begin() + (at - keys_.begin()));
    keys_.erase(at);
}

std::string Json::value(std::string_view key, std::string_view otherwise) const {
    const Json* found = find(key);
    return found != nullptr && found->is_string() ? found->text_ : std::string(otherwise);
}

std::vector<std::string> Json::texts() const {
    std::vector<std::string> all;
    for (const Json& element : elements_) all.push_back(element.text_);
    return all;
}

std::string Json::dump() const { return Convert::out(*this).dump(); }

std::ostream& operator<<(std::ostream& out, const Json& json) { return out << json.dump(); }

}  // namespace berkeley::harness
