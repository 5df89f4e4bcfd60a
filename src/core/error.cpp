#include <cryo/error.h>

namespace cryo {
namespace {

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "cryo"; }

    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::invalid_option:
                return "invalid option";
            case Errc::invalid_argument:
                return "invalid argument";
            case Errc::address_unavailable:
                return "address not available";
            case Errc::tls_configuration:
                return "unusable TLS configuration";
            case Errc::wrong_state:
                return "not possible in this state";
            case Errc::duplicate:
                return "name already taken";
            case Errc::not_found:
                return "not found";
            case Errc::system:
                return "refused by the operating system";
            case Errc::unavailable:
                return "not reachable now";
            case Errc::outcome_unknown:
                return "outcome unknown";
            case Errc::refused:
                return "refused by the other side";
            case Errc::user_code:
                return "application code threw";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const Category category;
    return category;
}

}  // namespace cryo
