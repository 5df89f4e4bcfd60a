#include "soak/misbehaviour.h"

namespace soak {

Misfit draw_misfit(Random& random) { return static_cast<Misfit>(random.below(4)); }

std::string opening_of(Misfit misfit, std::string_view token, const SessionId& session_id, Random& random) {
    const auto request = upgrade_request(token, session_id);
    switch (misfit) {
        case Misfit::vanishing:
            return request;
        case Misfit::half_request:
            return request.substr(0, random.below(static_cast<std::uint32_t>(request.size())));
        case Misfit::garbage:
            break;
        case Misfit::wrong_token:
            return upgrade_request("not-" + std::string(token), session_id);
    }
    std::string garbage;
    while (garbage.size() < 200) garbage += static_cast<char>(0x80 | random.below(0x80));
    return garbage + "\r\n\r\n";
}

bool is_answer_to(Misfit misfit, int http_status) {
    return misfit == Misfit::wrong_token ? http_status == 401 : http_status >= 400 && http_status <= 499;
}

std::uint16_t append_malformed(std::vector<std::byte>& out, const SessionId& session_id, Random& random) {
    const auto mask = random.word();
    switch (random.below(5)) {
        case 0:
            append_websocket(out, Opcode::binary, {as_bytes("short")}, mask);
            return kClientError;
        case 1:
            append_websocket(out, Opcode::binary, {cryo_header(session_id, 0, FrameType::unknown)}, mask);
            return kClientError;
        case 2:
            append_websocket(out, Opcode::binary, {cryo_header(SessionId{}, 0, FrameType::utf8data)}, mask);
            return kClientError;
        case 3:
            append_websocket(out, Opcode::text, {as_bytes("text is not spoken here")}, mask);
            return kClientError;
        default:
            append_websocket(out, Opcode::reserved, {as_bytes("?")}, mask);
            return kProtocolError;
    }
}

}  // namespace soak
