// Looks tokens up in a database that takes its time, while the event loops go on. Until it has answered, the client's
// upgrade waits; a refusal is a plain HTTP 401.
#include <chrono>
#include <map>
#include <thread>

#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-auth";

/// Stands in for a real database: slow, and it blocks the thread that asks.
class UserDatabase {
public:
    std::optional<cryo::Identity> find(const std::string& token) const {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const auto found = users_.find(token);
        if (found == users_.end()) return std::nullopt;
        return found->second;
    }

private:
    const std::map<std::string, cryo::Identity> users_{
        {"token-of-ada", {.user = "ada", .claims = R"({"role":"admin"})"}},
        {"token-of-grace", {.user = "grace", .claims = R"({"role":"guest"})"}},
    };
};

/// For a look-up that just blocks, `cryo::make_blocking_validator` does the same in one line. A validator of one's own
/// sees the whole request, and can answer whenever, and from whichever thread, its own asynchronous client calls it
/// back.
class DatabaseValidator final : public cryo::ITokenValidator {
public:
    void validate(const cryo::AuthRequest& request, cryo::AuthReply reply) override {
        // The request is gone when this returns: copy what is needed. When the pool has too much to do it destroys the
        // task, the reply with it: refused.
        workers_.submit([this, token = std::string(request.token), reply = std::move(reply)]() mutable {
            if (auto identity = database_.find(token)) {
                reply.accept(std::move(*identity));
            } else {
                reply.refuse();
            }
        });
    }

private:
    UserDatabase database_;
    cryo::WorkerPool workers_{4};  // last: joins its threads before the database goes
};

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1", .auth_timeout = std::chrono::seconds(2)};
    example::Options command_line(kProgram,
                                  "Greets users by the name their token stands for. "
                                  "Tokens: token-of-ada, token-of-grace.");
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    auto created = cryo::Server::create(options, std::make_shared<DatabaseValidator>());
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();

    example::announce(server, options);
    server.on_session([](const cryo::SessionPtr& session) {
        const auto& [user, claims] = session->identity();
        session->send_utf8("hello " + user + ", your claims: " + claims);
    });
    return example::serve(kProgram, server);
}
