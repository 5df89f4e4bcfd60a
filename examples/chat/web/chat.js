// The chat's own protocol on top of a Cryo session, without anything of the page.
//
// Each message is text: a verb and its fields, separated by tabs, then for some a line break and free text.
// See ../README.md for all of them.
import { connect } from './cryo-client.js';

const kTypingPause = 2_000; // ms between two notices of ours that somebody types

function parse(message) {
    const end = message.indexOf('\n');
    const [verb, ...fields] = (end < 0 ? message : message.slice(0, end)).split('\t');
    return { verb, fields, text: end < 0 ? '' : message.slice(end + 1) };
}

function pairs(fields) {
    const result = [];
    for (let i = 0; i + 1 < fields.length; i += 2) result.push([fields[i], fields[i + 1]]);
    return result;
}

/// One participant. Calls the methods of `events` that exist:
///   state(name, details): connected, reconnecting, closed     rooms([[name, count]])     members([[id, name]])
///   joined(room)     message(message)     changed(message): its `state` is new     typing(id)     refused(reason)
/// A message is {key, own, author, name, text, time, state}; `state` of our own: sending, sent, delivered or failed.
export class Chat {
    room = '';
    name = '';
    #session;
    #events;
    #ownIds = new Set(); // the member ids we had; each join gives a new one
    #messages = new Map(); // what we sent in this room, by tag
    #nextTag = 1;
    #typedAt = 0;

    static async open(url, { token, cale }, events) {
        const session = await connect(url, { token, cale });
        return new Chat(session, events);
    }

    constructor(session, events) {
        this.#session = session;
        this.#events = events;
        session.on('message-utf8', (message) => this.#received(parse(message)));
        session.on('connected', () => {
            this.#emit('state', 'connected');
            if (this.room) this.join(this.room, this.name);
        });
        session.on('reconnecting', (details) => this.#emit('state', 'reconnecting', details));
        session.on('closed', (code, reason) => this.#emit('state', 'closed', { code, reason }));
    }

    get session() {
        return this.#session;
    }

    join(room, name) {
        this.#session.sendUtf8(`join\t${room}\t${name}`);
        this.name = name;
    }

    /// Sends a message and returns it, for its place in the page.
    say(text) {
        const tag = String(this.#nextTag++);
        const message = { key: `own-${tag}`, tag, own: true, name: this.name, text, time: Date.now(), state: 'sending' };
        this.#messages.set(tag, message);
        this.#transmit(message);
        return message;
    }

    resend(message) {
        this.#setState(message, 'sending');
        this.#transmit(message);
    }

    typing() {
        if (Date.now() - this.#typedAt < kTypingPause || !this.#session.connected) return;
        this.#typedAt = Date.now();
        this.#session.sendUtf8('typing');
    }

    isOwn(id) {
        return this.#ownIds.has(id);
    }

    /// First tick: the server has acknowledged the message.
    async #transmit(message) {
        this.#typedAt = 0;
        const acknowledged = await this.#session.sendUtf8(`say\t${message.tag}\n${message.text}`);
        if (message.state === 'sending') this.#setState(message, acknowledged ? 'sent' : 'failed');
    }

    #setState(message, state) {
        message.state = state;
        this.#emit('changed', message);
    }

    #emit(name, ...args) {
        this.#events[name]?.(...args);
    }

    #received({ verb, fields, text }) {
        if (verb === 'message') this.#receivedMessage(fields, text);
        else if (verb === 'delivered') this.#delivered(fields[0]);
        else if (verb === 'members') this.#emit('members', pairs(fields));
        else if (verb === 'rooms') this.#emit('rooms', pairs(fields));
        else if (verb === 'typing') this.#emit('typing', fields[0]);
        else if (verb === 'refused') this.#emit('refused', text);
        else if (verb === 'joined') this.#joined(fields);
    }

    #joined([room, id]) {
        if (room !== this.room) this.#messages.clear();
        this.room = room;
        this.#ownIds.add(id);
        this.#emit('joined', room);
    }

    #receivedMessage([id, time, author, name, tag], text) {
        const own = this.#ownIds.has(author);
        if (!own) {
            // Second tick, for the author.
            this.#session.sendUtf8(`got\t${id}`);
            this.#emit('message', { key: id, own, author, name, text, time: Number(time) });
            return;
        }
        // Our own words come back with a room's history only.
        const message = this.#messages.get(tag) ?? { key: id, tag, own, name, text, time: Number(time) };
        if (message.state !== 'delivered') message.state = 'sent';
        this.#emit('message', message);
    }

    /// Second tick: everybody else in the room has the message.
    #delivered(tag) {
        const message = this.#messages.get(tag);
        if (message) this.#setState(message, 'delivered');
    }
}
