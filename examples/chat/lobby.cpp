#include "lobby.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace chat {
namespace {

constexpr std::size_t kMaxQueued = 65'536;
constexpr std::size_t kMaxRooms = 100;
constexpr std::size_t kMaxMembers = 200;  // of one room
constexpr std::size_t kMaxHistory = 50;
constexpr std::size_t kMaxNameBytes = 96;  // 24 characters of any script
constexpr std::size_t kMaxTextBytes = 16'000;
constexpr std::size_t kMaxTagBytes = 20;

std::vector<std::string> split(std::string_view line) {
    std::vector<std::string> fields;
    for (;;) {
        const auto end = line.find('\t');
        fields.emplace_back(line.substr(0, end));
        if (end == line.npos) return fields;
        line.remove_prefix(end + 1);
    }
}

bool is_name(const std::string& text) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::none_of(text, is_control);
}

std::string join_fields(std::initializer_list<std::string> fields) {
    std::string line;
    for (const auto& field : fields) {
        if (!line.empty()) line += '\t';
        line += field;
    }
    return line;
}

std::string now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void refuse(cryo::Session& session, std::string_view reason) { session.send_utf8("refused\n" + std::string(reason)); }

}  // namespace

Lobby::Lobby(std::vector<std::string> rooms) : thread_(1, kMaxQueued) {
    for (auto& name : rooms) rooms_[std::move(name)];
}

void Lobby::receive(cryo::Session& from, std::string_view message) {
    auto task = [this, session = from.shared_from_this(), text = std::string(message)] { handle(session, text); };
    if (!thread_.submit(std::move(task))) from.close(cryo::CloseCode::server_error, "busy");
}

void Lobby::sweep() {
    // Refused when there is too much to do: the next sweep takes care of them.
    thread_.submit([this] { remove_ended(); });
}

void Lobby::handle(const cryo::SessionPtr& from, const std::string& message) {
    const auto line_end = std::min(message.find('\n'), message.size());
    auto fields = split(std::string_view(message).substr(0, line_end));
    const auto verb = std::exchange(fields[0], {});
    fields.erase(fields.begin());
    fields.resize(2);
    if (verb == "join") return join(from, fields);

    const auto participant = participants_.find(from.get());
    if (participant == participants_.end()) return refuse(*from, "Join a room first.");
    if (verb == "say") return say(participant->second, fields, message.substr(std::min(line_end + 1, message.size())));
    if (verb == "got") return got(participant->second, fields);
    if (verb == "typing") return typing(participant->second);
    from->close(cryo::CloseCode::client_error, "unknown verb");
}

void Lobby::join(const cryo::SessionPtr& session, const Fields& fields) {
    const auto& [name, room_name] = std::tie(fields[1], fields[0]);
    if (!is_name(name)) return refuse(*session, "This name cannot be used.");
    if (!is_name(room_name)) return refuse(*session, "This room name cannot be used.");
    if (!session->is_open()) return;
    auto* room = find_or_make_room(room_name);
    if (!room) return refuse(*session, "There are too many rooms.");
    if (room->members.size() >= kMaxMembers) return refuse(*session, "This room is full.");

    auto& participant = participants_[session.get()];
    if (participant.session) leave(participant);
    participant = {.session = session, .id = next_participant_++, .name = name, .room = room_name};
    room->members[participant.id] = &participant;

    session->send_utf8(join_fields({"joined", room_name, std::to_string(participant.id)}));
    for (const auto& message : room->history) session->send_utf8(message.encoded);
    send_members(*room);
    send_rooms();
}

void Lobby::say(const Participant& author, const Fields& fields, const std::string& text) {
    const auto& tag = fields[0];
    if (text.empty() || text.size() > kMaxTextBytes || tag.size() > kMaxTagBytes) {
        return refuse(*author.session, "This message cannot be sent: it is empty or too long.");
    }
    auto& room = rooms_[author.room];
    Message message{.id = next_message_++, .author = author.id, .tag = tag, .encoded = {}, .missing = {}};
    message.encoded =
        join_fields({"message", std::to_string(message.id), now_ms(), std::to_string(author.id), author.name, tag}) +
        '\n' + text;
    for (const auto& [id, member] : room.members) {
        if (id == author.id) continue;
        message.missing.insert(id);
        member->session->send_utf8(message.encoded);
    }
    room.history.push_back(std::move(message));
    if (room.history.size() > kMaxHistory) room.history.pop_front();
}

void Lobby::got(const Participant& reader, const Fields& fields) {
    std::uint64_t id = 0;
    std::from_chars(fields[0].data(), fields[0].data() + fields[0].size(), id);
    auto& room = rooms_[reader.room];
    const auto message = std::ranges::lower_bound(room.history, id, {}, &Message::id);
    if (message != room.history.end() && message->id == id) confirm(room, *message, reader.id);
}

void Lobby::confirm(Room& room, Message& message, std::uint64_t reader) {
    if (message.missing.erase(reader) == 0 || !message.missing.empty()) return;
    const auto author = room.members.find(message.author);
    if (author != room.members.end()) author->second->session->send_utf8(join_fields({"delivered", message.tag}));
}

void Lobby::typing(const Participant& writer) {
    const auto notice = join_fields({"typing", std::to_string(writer.id)});
    for (const auto& [id, member] : rooms_[writer.room].members) {
        if (id != writer.id) member->session->send_utf8(notice);
    }
}

void Lobby::leave(Participant& participant) {
    auto& room = rooms_[participant.room];
    room.members.erase(participant.id);
    // Nobody waits any longer for those who have left.
    for (auto& message : room.history) confirm(room, message, participant.id);
    send_members(room);
}

void Lobby::remove_ended() {
    const auto before = participants_.size();
    for (auto it = participants_.begin(); it != participants_.end();) {
        if (it->second.session->is_open()) {
            ++it;
        } else {
            leave(it->second);
            it = participants_.erase(it);
        }
    }
    if (participants_.size() != before) send_rooms();
}

Lobby::Room* Lobby::find_or_make_room(const std::string& name) {
    if (const auto found = rooms_.find(name); found != rooms_.end()) return &found->second;
    if (rooms_.size() >= kMaxRooms) {
        const auto deserted =
            std::ranges::find_if(rooms_, [](const auto& entry) { return entry.second.members.empty(); });
        if (deserted == rooms_.end()) return nullptr;
        rooms_.erase(deserted);
    }
    return &rooms_[name];
}

void Lobby::send_members(const Room& room) {
    std::string line = "members";
    for (const auto& [id, member] : room.members) line += '\t' + std::to_string(id) + '\t' + member->name;
    for (const auto& [id, member] : room.members) member->session->send_utf8(line);
}

void Lobby::send_rooms() {
    std::string line = "rooms";
    for (const auto& [name, room] : rooms_) line += '\t' + name + '\t' + std::to_string(room.members.size());
    for (const auto& [session, participant] : participants_) participant.session->send_utf8(line);
}

}  // namespace chat
