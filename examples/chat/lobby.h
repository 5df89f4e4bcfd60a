#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <cryo/session.h>
#include <cryo/worker_pool.h>

namespace chat {

/// The rooms, who is in them, and what was said last.
///
/// It lives on one thread of its own, so that its state needs no locks and everybody in a room sees the same order; the
/// sessions, on whichever loops, send it their messages and are sent to from there.
///
/// Thread safety: any thread.
class Lobby {
public:
    explicit Lobby(std::vector<std::string> rooms);

    /// Handles one message of the chat's protocol, see README.md.
    void receive(cryo::Session& from, std::string_view message);
    /// Removes those whose sessions have ended.
    void sweep();

private:
    struct Participant {
        cryo::SessionPtr session;
        std::uint64_t id = 0;  // another one after each join
        std::string name{};
        std::string room{};
    };

    struct Message {
        std::uint64_t id = 0;
        std::uint64_t author = 0;
        std::string tag;                  // the author's own number for it
        std::string encoded;              // as it is sent
        std::set<std::uint64_t> missing;  // participants who have not confirmed it yet
    };

    struct Room {
        std::map<std::uint64_t, Participant*> members{};
        std::deque<Message> history{};
    };

    using Fields = std::vector<std::string>;

    void handle(const cryo::SessionPtr& from, const std::string& message);
    void join(const cryo::SessionPtr& session, const Fields& fields);
    void say(const Participant& author, const Fields& fields, const std::string& text);
    void got(const Participant& reader, const Fields& fields);
    void typing(const Participant& writer);
    void leave(Participant& participant);
    void remove_ended();

    Room* find_or_make_room(const std::string& name);
    void confirm(Room& room, Message& message, std::uint64_t reader);
    void send_members(const Room& room);
    void send_rooms();

    std::map<std::string, Room> rooms_;
    std::unordered_map<const cryo::Session*, Participant> participants_;
    std::uint64_t next_participant_ = 1;
    std::uint64_t next_message_ = 1;
    cryo::WorkerPool thread_;  // last: ends before what it works on
};

}  // namespace chat
