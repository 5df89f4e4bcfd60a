// Admits clients by JSON Web Token, ends a session when its token does, and lets it renew the token in band.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <cryo/auth/jwt.h>
#include <cryo/auth/token_expiry.h>
#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

using namespace cryo::auth;

constexpr auto kProgram = "cryo-jwt";
constexpr auto kSecretVariable = "CRYO_JWT_SECRET";

/// A public key from a file; without one, the secret from the environment, where command lines do not show it.
cryo::Result<JwtKey> load_key(const std::string& file) {
    if (!file.empty()) {
        std::ifstream stream(file, std::ios::binary);
        return JwtKey::public_key(std::string(std::istreambuf_iterator<char>(stream), {}));
    }
    const char* secret = std::getenv(kSecretVariable);
    return JwtKey::secret(secret ? secret : "");
}

cryo::Result<std::shared_ptr<JwtVerifier>> make_verifier(const std::string& key_file, const std::string& audience) {
    auto key = load_key(key_file);
    if (!key) return key.error();
    JwtPolicy policy;
    for (const auto algorithm : {JwtAlgorithm::hs256, JwtAlgorithm::rs256, JwtAlgorithm::es256}) {
        if (key->fits(algorithm)) policy.algorithms = {algorithm};
    }
    if (!audience.empty()) policy.audiences = {audience};
    return JwtVerifier::create(std::move(policy), {*key});
}

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1"};
    std::string key_file, audience;
    example::Options command_line(kProgram,
                                  "Echoes for clients with a JSON Web Token. Keys: a public one (RS256, ES256) "
                                  "from a file, or a secret (HS256) of 32 bytes\nor more from the environment "
                                  "variable CRYO_JWT_SECRET. Clients renew with the text: cryo:renew <token>");
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("key", "FILE", "PEM of the public key", key_file);
    command_line.value("audience", "NAME", "what `aud` must name", audience);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    auto verifier = make_verifier(key_file, audience);
    if (!verifier) return example::fail(kProgram, verifier.error());
    auto created = cryo::Server::create(
        options, make_jwt_validator(*verifier, {}, cryo::make_stderr_logger(cryo::LogLevel::debug)));
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();
    if (auto added = server.register_extension(TokenExpiry::create(*verifier)); !added) {
        return example::fail(kProgram, added.error());
    }

    example::announce(server, options);
    server.on_session([](const cryo::SessionPtr& session) {
        session->on_message_utf8([](cryo::Session& self, std::string_view text) { self.send_utf8(text); });
        session->send_utf8("hello " + session->identity().user);
    });
    return example::serve(kProgram, server);
}
