// Requests and responses over messages. A request is the text `<id> <method> [<argument>...]`, its response
// `<id> ok <result>` or `<id> error <reason>`; responses may come in another order than their requests.
#include <charconv>
#include <chrono>
#include <ctime>
#include <map>

#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-rpc";

using Arguments = std::vector<std::string>;

/// The duty to answer one request, from any thread. The session may be gone by then; that does no harm.
class Responder {
public:
    Responder(cryo::SessionPtr session, std::string id) : session_(std::move(session)), id_(std::move(id)) {}
    void ok(const std::string& result) const { session_->send_utf8(id_ + " ok " + result); }
    void error(const std::string& reason) const { session_->send_utf8(id_ + " error " + reason); }

private:
    cryo::SessionPtr session_;
    std::string id_;
};

using Method = std::function<void(const Arguments&, Responder)>;

std::optional<std::int64_t> parse_number(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

void add(const Arguments& arguments, const Responder& responder) {
    std::int64_t sum = 0;
    for (const auto& argument : arguments) {
        const auto number = parse_number(argument);
        if (!number) return responder.error("not a number: " + argument);
        if (__builtin_add_overflow(sum, *number, &sum)) return responder.error("the sum is too large");
    }
    responder.ok(std::to_string(sum));
}

void tell_time(const Arguments&, const Responder& responder) {
    const auto now = std::time(nullptr);
    std::tm utc{};
    char text[32];
    std::strftime(text, sizeof text, "%FT%TZ", gmtime_r(&now, &utc));
    responder.ok(text);
}

/// Takes long, and so goes to the workers: answers `prime` or the smallest divisor.
void factor(const Arguments& arguments, const Responder& responder) {
    const auto number = arguments.empty() ? std::nullopt : parse_number(arguments[0]);
    if (!number || *number < 2 || *number > 1'000'000'000'000) return responder.error("needs a number from 2 to 10^12");
    for (std::int64_t divisor = 2; divisor * divisor <= *number; ++divisor) {
        if (*number % divisor == 0) return responder.ok(std::to_string(divisor));
    }
    responder.ok("prime");
}

Method on_workers(cryo::WorkerPool& workers, Method method) {
    return [&workers, method = std::move(method)](const Arguments& arguments, Responder responder) {
        if (!workers.submit([method, arguments, responder] { method(arguments, responder); })) responder.error("busy");
    };
}

Arguments split(std::string_view text) {
    Arguments words;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        if (end > 0) words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

void dispatch(const std::map<std::string, Method>& methods, cryo::Session& session, std::string_view request) {
    auto words = split(request);
    if (words.size() < 2) return session.close(cryo::CloseCode::client_error, "not a request");
    const Responder responder(session.shared_from_this(), words[0]);
    const auto method = methods.find(words[1]);
    if (method == methods.end()) return responder.error("unknown method");
    words.erase(words.begin(), words.begin() + 2);
    method->second(words, responder);
}

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1"};
    std::string token = "secret";
    example::Options command_line(kProgram, "Answers requests: <id> add 2 3, <id> time, <id> factor 91.");
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("token", "TOKEN", "token that clients must present", token);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    cryo::WorkerPool workers(2, 64);
    const std::map<std::string, Method> methods{
        {"add", add}, {"time", tell_time}, {"factor", on_workers(workers, factor)}};

    auto created = cryo::Server::create(options, cryo::make_validator([token](std::string_view presented) {
                                            return cryo::constant_time_equal(presented, token);
                                        }));
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();

    example::announce(server, options);
    server.on_session([&methods](const cryo::SessionPtr& session) {
        session->on_message_utf8(
            [&methods](cryo::Session& self, std::string_view request) { dispatch(methods, self, request); });
    });
    return example::serve(kProgram, server);
}
