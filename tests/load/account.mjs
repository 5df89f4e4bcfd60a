// The books: what was sent to which connection, and what became of it.

/// One connection as the account sees it.
class Party {
    constructor(name, topics) {
        this.name = name;
        this.topics = topics; // what it is to receive: its user and channels
        this.expected = new Set(); // ids of messages on their way to it
        this.last = new Map(); // of each sender the last number seen
        this.open = true;
    }
}

export class Account {
    delivered = 0; // as expected
    gone = 0; // expected by a connection that closed before
    early = 0; // sent while a connection was let in: may arrive, need not
    sent = 0;
    refused = 0; // sends that were answered with an error
    unconfirmed = 0; // sends of which a worker did not say whom they reached
    problems = [];

    #members = new Map(); // topic -> parties
    #parties = new Set();

    join(name, topics) {
        const party = new Party(name, topics);
        this.#parties.add(party);
        for (const topic of topics) {
            if (!this.#members.has(topic)) this.#members.set(topic, new Set());
            this.#members.get(topic).add(party);
        }
        return party;
    }

    leave(party) {
        if (!party.open) return;
        party.open = false;
        this.gone += party.expected.size;
        party.expected.clear();
        this.#parties.delete(party);
        for (const topic of party.topics) this.#members.get(topic).delete(party);
    }

    get open() { return this.#parties.size; }
    get outstanding() { let sum = 0; for (const party of this.#parties) sum += party.expected.size; return sum; }

    /// To be called before the request leaves: whoever is in has to get it.
    send(id, topic) {
        ++this.sent;
        for (const party of this.#members.get(topic) ?? []) party.expected.add(id);
    }

    /// The caller was told that it was not sent.
    refuse(id, topic) {
        ++this.refused;
        for (const party of this.#members.get(topic) ?? []) party.expected.delete(id);
    }

    receive(party, id) {
        const [topic, sender, number] = id.split(' ');
        if (!party.topics.includes(topic)) this.#problem(`${party.name} got "${id}", which was not for it`);
        if ((party.last.get(sender) ?? -1) >= Number(number)) this.#problem(`${party.name} got "${id}" twice, or out of order`);
        party.last.set(sender, Number(number));
        if (party.expected.delete(id)) ++this.delivered; else ++this.early;
    }

    #problem(text) { if (this.problems.length < 20) this.problems.push(text); }
}
