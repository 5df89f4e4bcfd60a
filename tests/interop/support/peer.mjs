// The `ws` package as a peer: what the tests need of it, as promises.
import { once } from 'node:events';
import WebSocket from 'ws';

/// Messages of a socket that is still opening, in order: `await peer.next()`.
export class Peer {
    #messages = [];
    #waiting = [];

    constructor(url, options) {
        this.socket = new WebSocket(url, options);
        this.socket.on('message', (data, isBinary) => {
            const message = isBinary ? data : data.toString();
            if (this.#waiting.length > 0) this.#waiting.shift()(message);
            else this.#messages.push(message);
        });
        this.socket.on('error', () => {}); // the close that follows tells as much
        this.closed = once(this.socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
    }

    static async open(t, url, options) {
        const peer = new Peer(url, options);
        t.after(() => peer.socket.terminate());
        await once(peer.socket, 'open');
        return peer;
    }

    send(...args) {
        this.socket.send(...args);
    }

    next() {
        if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
        return new Promise((resolve) => this.#waiting.push(resolve));
    }
}

/// The status and body of a refused upgrade.
export async function refusal(url, options) {
    const socket = new WebSocket(url, options);
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    let body = '';
    for await (const chunk of response) body += chunk;
    return { status: response.statusCode, body };
}

/// Waits until there is room to send; a sender without it would keep everything in memory.
export async function writable(socket, limit = 1 << 20) {
    while (socket.bufferedAmount > limit) await new Promise((resolve) => setImmediate(resolve));
}
