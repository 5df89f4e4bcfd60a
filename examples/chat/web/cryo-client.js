// A client for Cryo servers: one ES module without dependencies, for browsers and Node.js (18 or newer).
//
//   import { connect } from './cryo-client.js';
//   const session = await connect('wss://example.org/', { token: 'secret' });
//   session.on('message-utf8', (text) => console.log(text));
//   if (await session.sendUtf8('hello')) console.log('the server has it');
//
// Browsers offer WebCrypto, and with it CALE, only to pages from https:// or localhost.

const crypto = globalThis.crypto ?? (await import('node:crypto')).webcrypto;

export const FrameType = Object.freeze({
    ack: 0,
    error: 1,
    pingPong: 2,
    utf8: 3,
    binary: 4,
    serverHello: 5,
    clientHello: 6,
    handshakeDone: 7,
});

export const CloseCode = Object.freeze({
    graceful: 4000,
    clientError: 4001,
    serverError: 4002,
    caleMismatch: 4010,
    caleHandshake: 4011,
});

const kHeaderBytes = 21;
const kMaxId = 0xffff_ffff;
const kReconnectAfter = new Set([1000, 1001, 1006, 1012, 1013, CloseCode.graceful]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const kNull = encoder.encode('null');

/// The end of a connection, or of the attempt to make one.
export class CryoError extends Error {
    constructor(code, reason) {
        super(reason || `closed with ${code}`);
        this.name = 'CryoError';
        this.code = code;
    }
}

// -- frames ----------------------------------------------------------------------------------------------------------

export function parseSessionId(text) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new TypeError(`not a UUID: ${text}`);
    return Uint8Array.from(text.replaceAll('-', '').match(/../g), (byte) => parseInt(byte, 16));
}

function randomSessionId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export function encodeFrame(sid, ackId, type, payload = new Uint8Array()) {
    const frame = new Uint8Array(kHeaderBytes + payload.length);
    frame.set(sid);
    new DataView(frame.buffer).setUint32(16, ackId);
    frame[20] = type;
    frame.set(payload, kHeaderBytes);
    return frame;
}

/// Null when the bytes are not a frame. `sid` and `payload` are views into them.
export function decodeFrame(bytes) {
    if (bytes.length < kHeaderBytes || bytes[20] > FrameType.handshakeDone) return null;
    return {
        sid: bytes.subarray(0, 16),
        ackId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(16),
        type: bytes[20],
        payload: bytes.subarray(kHeaderBytes),
    };
}

const sameBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

// -- CALE ------------------------------------------------------------------------------------------------------------

/// The client's side of CALE: ECDH on P-256, then AES-128-GCM with a counter for each direction.
export class Cale {
    #keys;
    #sendKey;
    #receiveKey;
    #nextCounter = 0;
    #lastReceived = -1;

    constructor(keyPair) {
        this.#keys = keyPair;
    }

    static async create() {
        if (!crypto.subtle) throw new CryoError(CloseCode.caleHandshake, 'CALE needs a page from https:// or localhost');
        return new Cale(await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']));
    }

    async publicKey() {
        return new Uint8Array(await crypto.subtle.exportKey('raw', this.#keys.publicKey));
    }

    /// Throws when the server's key is not a point of the curve.
    async deriveKeys(serverPublicKey) {
        const curve = { name: 'ECDH', namedCurve: 'P-256' };
        const server = await crypto.subtle.importKey('raw', serverPublicKey, curve, true, []);
        const secret = await crypto.subtle.deriveBits({ name: 'ECDH', public: server }, this.#keys.privateKey, 256);
        const hash = await crypto.subtle.digest('SHA-256', secret);
        this.#receiveKey = await crypto.subtle.importKey('raw', hash.slice(0, 16), 'AES-GCM', false, ['decrypt']);
        this.#sendKey = await crypto.subtle.importKey('raw', hash.slice(16), 'AES-GCM', false, ['encrypt']);
    }

    async seal(frame) {
        if (this.#nextCounter > kMaxId) throw new Error('out of CALE counters');
        const iv = new Uint8Array(12);
        new DataView(iv.buffer).setUint32(8, this.#nextCounter++);
        const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, this.#sendKey, frame);
        const message = new Uint8Array(iv.length + sealed.byteLength);
        message.set(iv);
        message.set(new Uint8Array(sealed), iv.length);
        return message;
    }

    /// Throws unless the message is authentic and newer than those before, and should not be used any more then. The server
    /// may skip counters.
    async open(message) {
        const iv = message.subarray(0, 12);
        if (iv.length < 12 || iv.subarray(0, 8).some((byte) => byte !== 0)) throw new Error('malformed CALE message');
        const counter = new DataView(iv.buffer, iv.byteOffset).getUint32(8);
        if (counter <= this.#lastReceived) throw new Error('replayed CALE message');
        this.#lastReceived = counter; // before the first await: calls may overlap
        return new Uint8Array(
            await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, this.#receiveKey, message.subarray(12)));
    }
}

// -- one connection --------------------------------------------------------------------------------------------------

/// One WebSocket connection of a session: numbers and encrypts what leaves, decrypts and checks what arrives.
class Link {
    #socket;
    #sid;
    #cale = null;
    #derived = null; // the keys, until both sides are ready to use them
    #handshake; // the CALE handshake's next frame, or null when it is done or there is none
    #events;
    #nextId = 0;
    #ended = false;
    #timer;
    // WebCrypto works on several messages at once: these chains put the results of each direction back in order.
    #sending = Promise.resolve();
    #receiving = Promise.resolve();

    /// @param events {ready(), frame(frame), traffic(bytesIn, bytesOut), ended(code, reason)}
    constructor(socket, sid, useCale, handshakeTimeout, events) {
        this.#socket = socket;
        this.#sid = sid;
        this.#handshake = useCale ? FrameType.serverHello : null;
        this.#events = events;
        this.#timer = setTimeout(() => {
            this.fail(socket.readyState === 1 ? CloseCode.caleHandshake : 1006, 'no answer in time');
        }, handshakeTimeout);
        let problem = '';
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => useCale || this.#ready();
        socket.onmessage = ({ data }) => this.#received(data);
        socket.onerror = ({ message }) => (problem = message ?? '');
        socket.onclose = ({ code, reason }) => {
            // What arrived before the end still counts.
            this.#receiving = this.#receiving.then(() => this.#end(code, reason || problem));
        };
    }

    get bufferedAmount() {
        return this.#socket.bufferedAmount;
    }

    /// @returns the frame's ack id
    send(type, payload, ackId = this.#takeId()) {
        const frame = encodeFrame(this.#sid, ackId, type, payload);
        if (!this.#cale) {
            this.#write(frame);
        } else {
            this.#sending = Promise.all([this.#cale.seal(frame), this.#sending])
                .then(([message]) => this.#write(message))
                .catch((error) => this.fail(CloseCode.clientError, error.message));
        }
        return ackId;
    }

    close(code, reason) {
        this.#sending = this.#sending.then(() => this.#socket.close(code, reason));
    }

    /// Ends the connection without waiting for the peer's part.
    fail(code, reason) {
        if (this.#ended) return;
        if (code === 1006) this.#socket.close();
        else this.#socket.close(code, reason);
        this.#end(code, reason);
    }

    #end(code, reason) {
        if (this.#ended) return;
        this.#ended = true;
        clearTimeout(this.#timer);
        this.#events.ended(code, reason);
    }

    #ready() {
        clearTimeout(this.#timer);
        this.#handshake = null;
        this.#events.ready();
    }

    #takeId() {
        const id = this.#nextId;
        this.#nextId = id === kMaxId ? 0 : id + 1;
        return id;
    }

    #write(message) {
        if (this.#ended || this.#socket.readyState !== 1) return;
        this.#socket.send(message);
        this.#events.traffic(0, message.length);
    }

    #received(data) {
        if (this.#ended) return;
        if (!(data instanceof ArrayBuffer)) return this.fail(CloseCode.serverError, 'not a binary message');
        const message = new Uint8Array(data);
        this.#events.traffic(message.length, 0);
        if (!this.#cale && this.#handshake === null) return this.#accept(decodeFrame(message));
        const handled = this.#handshake === null
            ? Promise.all([this.#cale.open(message), this.#receiving]).then(([frame]) => this.#accept(decodeFrame(frame)))
            : this.#receiving.then(() => this.#shakeHands(decodeFrame(message)));
        this.#receiving = handled.catch((error) => {
            const code = this.#handshake === null ? CloseCode.serverError : CloseCode.caleHandshake;
            this.fail(error instanceof CryoError ? error.code : code, error.message || 'CALE message not authentic');
        });
    }

    #accept(frame) {
        if (this.#ended) return;
        if (!frame || !sameBytes(frame.sid, this.#sid)) return this.fail(CloseCode.serverError, 'malformed frame');
        if (frame.type === FrameType.serverHello) {
            return this.fail(CloseCode.caleMismatch, 'the server wants CALE, this session is without');
        }
        this.#events.frame(frame);
    }

    async #shakeHands(frame) {
        if (this.#ended) return;
        if (!frame || frame.type !== this.#handshake || !sameBytes(frame.sid, this.#sid)) {
            throw new CryoError(CloseCode.caleHandshake, 'unexpected frame in the CALE handshake');
        }
        if (frame.type === FrameType.serverHello) {
            const cale = await Cale.create();
            await cale.deriveKeys(frame.payload);
            this.send(FrameType.clientHello, await cale.publicKey());
            this.#handshake = FrameType.handshakeDone;
            this.#derived = cale;
        } else {
            this.send(FrameType.handshakeDone, kNull, frame.ackId);
            this.#cale = this.#derived;
            this.#ready();
        }
    }
}

// -- sessions --------------------------------------------------------------------------------------------------------

const kDefaults = {
    cale: false,
    reconnect: true,
    minDelay: 500, // ms before the first attempt to reconnect; doubles with each one, up to maxDelay
    maxDelay: 15_000,
    ackTimeout: 2_500,
    heartbeat: 15_000,
    handshakeTimeout: 10_000,
    maxWaiting: 1_024, // messages that may wait for the connection
};

/// A Cryo session. It keeps its id, and its listeners, across reconnects.
///
/// Events, see `on`:
///   connected(), reconnecting({ attempt, delay, code, reason }), closed(code, reason): exactly once, at the end
///   message-utf8(text), message-binary(bytes)
///   ack(id), rtt(milliseconds), error(text): an error frame of the server
export class Session {
    #options;
    #url;
    #sid;
    #link = null;
    #open = false;
    #closed = false;
    #attempt = 0;
    #openedAt = 0;
    #listeners = new Map();
    #held = []; // events before the application could listen; null afterwards
    #pending = new Map(); // ack id -> {at, resolve}, oldest first
    #waiting = []; // messages sent while there is no connection
    #timers = {};
    #pingSentAt = null;
    #stats = { rtt: null, bytesIn: 0, bytesOut: 0, messagesIn: 0, messagesOut: 0, ackTimeouts: 0 };

    constructor(url, options) {
        this.#options = { ...kDefaults, ...options };
        this.sid = (options.sid ?? randomSessionId()).toLowerCase();
        this.#sid = parseSessionId(this.sid);
        this.#url = new URL(url, globalThis.location?.href);
        this.#url.protocol = this.#url.protocol.replace('http', 'ws');
        const query = { authorization: `Bearer ${options.token ?? ''}`, 'x-cryo-sid': this.sid, ...options.query };
        // Not URLSearchParams: it writes a space as `+`.
        const pairs = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join('='));
        this.#url.search = [this.#url.search.slice(1), ...pairs].filter(Boolean).join('&');
    }

    static connect(url, options = {}) {
        const session = new Session(url, options);
        return new Promise((resolve, reject) => {
            session.#dial(() => {
                resolve(session);
                setTimeout(() => session.#release());
            }, (code, reason) => {
                session.#closed = true;
                reject(new CryoError(code, reason || 'cannot connect'));
            });
        });
    }

    get connected() {
        return this.#open;
    }

    /// Round-trip time (moving average, ms; null before the first sample), totals of all connections, and what waits now.
    get stats() {
        return {
            ...this.#stats,
            pendingAcks: this.#pending.size,
            waiting: this.#waiting.length,
            bufferedAmount: this.#link?.bufferedAmount ?? 0,
        };
    }

    /// Calls `listener` at each event of that name. @returns a function that ends it
    on(name, listener) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
        const listeners = this.#listeners.get(name).add(listener);
        return () => listeners.delete(listener);
    }

    /// Resolves to true when the server has acknowledged the message; to false when it has not in time, or the connection
    /// has ended: it may still have arrived then. While there is no connection messages wait for the next one.
    sendUtf8(text) {
        return this.#send(FrameType.utf8, encoder.encode(text));
    }

    sendBinary(bytes) {
        return this.#send(FrameType.binary, new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset, bytes.byteLength));
    }

    /// Ends the session for good.
    close(code = 1000, reason = '') {
        if (this.#closed) return;
        if (this.#open) {
            this.#options.reconnect = false;
            this.#link.close(code, reason);
        } else {
            this.#finish(code, reason);
            this.#link.fail(1006, reason);
        }
    }

    /// Reconnects now instead of at the end of the delay.
    retry() {
        if (!this.#timers.reconnect) return;
        clearTimeout(this.#timers.reconnect);
        this.#redial();
    }

    /// Who awaits `connect` can listen by now.
    #release() {
        const held = this.#held;
        this.#held = null;
        for (const [name, ...args] of held) this.#emit(name, ...args);
    }

    #emit(name, ...args) {
        if (this.#held) return this.#held.push([name, ...args]);
        for (const listener of this.#listeners.get(name) ?? []) {
            try {
                listener(...args);
            } catch (error) {
                queueMicrotask(() => { throw error; }); // reported as uncaught, without harm to the protocol
            }
        }
    }

    #dial(connected, failed) {
        const WebSocketClass = this.#options.WebSocket ?? globalThis.WebSocket;
        const link = new Link(new WebSocketClass(this.#url.href), this.#sid, this.#options.cale,
            this.#options.handshakeTimeout, {
                ready: () => {
                    this.#opened();
                    connected();
                },
                frame: (frame) => this.#received(frame),
                traffic: (bytesIn, bytesOut) => {
                    this.#stats.bytesIn += bytesIn;
                    this.#stats.bytesOut += bytesOut;
                },
                ended: (code, reason) => (this.#open ? this.#lost(code, reason) : failed(code, reason)),
            });
        this.#link = link;
    }

    #opened() {
        this.#open = true;
        this.#openedAt = performance.now();
        this.#timers.heartbeat = setInterval(() => this.#heartbeat(), this.#options.heartbeat);
        for (const { type, payload, resolve } of this.#waiting.splice(0)) this.#transmit(type, payload, resolve);
        this.#emit('connected');
    }

    #lost(code, reason) {
        this.#open = false;
        clearInterval(this.#timers.heartbeat);
        this.#pingSentAt = null;
        for (const { resolve } of this.#pending.values()) resolve(false);
        this.#pending.clear();
        // A server that lets in and throws out at once is given the longer delays, too.
        if (performance.now() - this.#openedAt > this.#options.maxDelay) this.#attempt = 0;
        if (this.#options.reconnect && kReconnectAfter.has(code)) this.#reconnectLater(code, reason);
        else this.#finish(code, reason);
    }

    #reconnectLater(code, reason) {
        if (this.#closed) return;
        const { minDelay, maxDelay } = this.#options;
        const delay = Math.min(maxDelay, minDelay * 2 ** this.#attempt++) * (0.5 + Math.random() / 2);
        this.#timers.reconnect = setTimeout(() => this.#redial(), delay);
        this.#emit('reconnecting', { attempt: this.#attempt, delay, code, reason });
    }

    #redial() {
        this.#timers.reconnect = null;
        this.#dial(() => {}, (code, reason) => {
            // A browser does not tell a refusal from an unreachable server: both are 1006.
            if (kReconnectAfter.has(code)) this.#reconnectLater(code, reason);
            else this.#finish(code, reason);
        });
    }

    #finish(code, reason) {
        if (this.#closed) return;
        this.#closed = true;
        for (const { resolve } of this.#waiting.splice(0)) resolve(false);
        Object.values(this.#timers).forEach(clearTimeout);
        this.#emit('closed', code, reason);
    }

    #send(type, payload) {
        return new Promise((resolve) => {
            if (this.#open) this.#transmit(type, payload, resolve);
            else if (this.#closed || this.#waiting.length >= this.#options.maxWaiting) resolve(false);
            else this.#waiting.push({ type, payload: payload.slice(), resolve });
        });
    }

    #transmit(type, payload, resolve) {
        const id = this.#link.send(type, payload);
        this.#stats.messagesOut++;
        this.#pending.set(id, { at: performance.now(), resolve });
        this.#timers.acks ??= setTimeout(() => this.#expireAcks(), this.#options.ackTimeout);
    }

    #expireAcks() {
        const expired = performance.now() - this.#options.ackTimeout;
        for (const [id, { at, resolve }] of this.#pending) {
            if (at > expired) break;
            this.#pending.delete(id);
            this.#stats.ackTimeouts++;
            resolve(false);
        }
        const [oldest] = this.#pending.values();
        this.#timers.acks = oldest ? setTimeout(() => this.#expireAcks(), oldest.at - expired) : null;
    }

    #received({ type, ackId, payload }) {
        if (type === FrameType.utf8) {
            this.#link.send(FrameType.ack, undefined, ackId);
            this.#stats.messagesIn++;
            this.#emit('message-utf8', decoder.decode(payload));
        } else if (type === FrameType.binary) {
            this.#link.send(FrameType.ack, undefined, ackId);
            this.#stats.messagesIn++;
            this.#emit('message-binary', payload);
        } else if (type === FrameType.ack) {
            this.#acknowledged(ackId);
        } else if (type === FrameType.pingPong) {
            if (decoder.decode(payload) === 'ping') this.#link.send(FrameType.pingPong, encoder.encode('pong'), ackId);
            else this.#ponged();
        } else if (type === FrameType.error) {
            this.#emit('error', decoder.decode(payload) || 'unknown_error');
        }
    }

    #acknowledged(id) {
        const message = this.#pending.get(id);
        if (!message) return;
        this.#pending.delete(id);
        this.#sampleRtt(performance.now() - message.at);
        message.resolve(true);
        this.#emit('ack', id);
    }

    #sampleRtt(sample) {
        const { rtt } = this.#stats;
        this.#stats.rtt = rtt === null ? sample : rtt + 0.2 * (sample - rtt);
        this.#emit('rtt', this.#stats.rtt);
    }

    /// A server that does not answer is as good as gone, whatever TCP believes.
    #heartbeat() {
        if (this.#pingSentAt !== null) return this.#link.fail(1006, 'no pong in time');
        this.#pingSentAt = performance.now();
        this.#link.send(FrameType.pingPong, encoder.encode('ping'));
    }

    #ponged() {
        if (this.#pingSentAt === null) return;
        this.#sampleRtt(performance.now() - this.#pingSentAt);
        this.#pingSentAt = null;
    }
}

/// Opens a session; resolves when it may talk, with CALE: once it is secure. Rejects with a `CryoError`. Nothing is missed by
/// listeners that are attached as soon as it resolves.
///
/// Options: `token`; `cale` (as the server has it); `sid`, a UUID (default: random); `query`, further query parameters;
/// `WebSocket`, a class to use where the platform has none; `reconnect` (default: true), and the numbers in `kDefaults`.
export const connect = (url, options) => Session.connect(url, options);
