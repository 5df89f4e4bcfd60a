#include "token_json.h"

#include <set>
#include <vector>

namespace cryo::auth {
namespace {

/// What the parser tells, to find what it would let pass.
class Strictness {
public:
    explicit Strictness(int max_depth) : max_depth_(max_depth) {}

    /// False: the parser keeps nothing of this value.
    bool accepts(int depth, Json::parse_event_t event, const Json& parsed) {
        switch (event) {
            case Json::parse_event_t::object_start:
                names_.emplace_back();
                return enter(depth);
            case Json::parse_event_t::array_start:
                return enter(depth);
            case Json::parse_event_t::key:
                repeats_ |= !names_.back().insert(parsed.get<std::string>()).second;
                return true;
            case Json::parse_event_t::object_end:
                names_.pop_back();
                return true;
            default:
                return true;
        }
    }

    bool too_deep() const noexcept { return too_deep_; }
    bool repeats() const noexcept { return repeats_; }

private:
    bool enter(int depth) {
        if (depth >= max_depth_) too_deep_ = true;
        return !too_deep_;
    }

    int max_depth_;
    std::vector<std::set<std::string>> names_{};  // of the objects that are open
    bool too_deep_ = false;
    bool repeats_ = false;
};

}  // namespace

Result<Json> parse_json_object(std::string_view text, int max_depth) {
    // The parser takes a zero byte for the end, whatever comes after it.
    if (text.find('\0') != std::string_view::npos) return Error{Errc::invalid_argument, "is not JSON"};
    Strictness strictness(max_depth);
    auto json = Json::parse(
        text,
        [&](int depth, Json::parse_event_t event, Json& parsed) { return strictness.accepts(depth, event, parsed); },
        false);
    if (strictness.too_deep()) return Error{Errc::invalid_argument, "is nested too deep"};
    if (strictness.repeats()) return Error{Errc::invalid_argument, "has a name twice"};
    if (json.is_discarded()) return Error{Errc::invalid_argument, "is not JSON"};
    if (!json.is_object()) return Error{Errc::invalid_argument, "is not a JSON object"};
    return json;
}

}  // namespace cryo::auth
