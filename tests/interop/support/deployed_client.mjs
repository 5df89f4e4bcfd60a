// What a deployed Cryo client for Node.js does on the wire, its faults included: see "what deployed clients get wrong" in the
// protocol's description. A server has to live with it.
import { createCipheriv, createDecipheriv, createECDH, createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import WebSocket from 'ws';

const kTypes = { ack: 0, error: 1, ping_pong: 2, utf8data: 3, binarydata: 4, server_hello: 5, client_hello: 6, handshake_done: 7 };
const kTicksUntilListening = 5;

/// Events: secure, text(text), binary(data), pong, closed(code).
export class DeployedClient extends EventEmitter {
    #sid;
    #useCale;
    #ecdh = null;
    #keys = null; // {send, receive}, once the hello is in
    #secure = false;
    #nextId = 0;
    #nextCounter = 0;

    constructor(url, { sid, token, cale = false }) {
        super();
        this.#sid = Buffer.from(sid.replaceAll('-', ''), 'hex');
        this.#useCale = cale;
        this.socket = new WebSocket(`${url}/?authorization=Bearer%20${token}&x-cryo-sid=${sid}`);
        this.socket.on('error', () => {});
        this.socket.on('close', (code) => this.emit('closed', code));
    }

    async open() {
        await once(this.socket, 'open');
        // Fault 1: what arrives before the listener is attached is lost.
        for (let i = 0; i < kTicksUntilListening; i++) await new Promise((resolve) => process.nextTick(resolve));
        this.socket.on('message', (data) => this.#received(data));
    }

    /// Fault 4: sized by UTF-16 length, so cut when not ASCII.
    sendText(text) {
        const payload = Buffer.alloc(text.length);
        payload.write(text);
        this.#send('utf8data', payload);
    }

    sendBinary(data) {
        this.#send('binarydata', data);
    }

    ping() {
        this.#send('ping_pong', Buffer.from('ping'));
    }

    #send(type, payload = Buffer.alloc(0), id = this.#nextId++) {
        const header = Buffer.alloc(21);
        this.#sid.copy(header);
        header.writeUInt32BE(id, 16);
        header[20] = kTypes[type];
        const frame = Buffer.concat([header, payload]);
        this.socket.send(this.#secure ? this.#seal(frame) : frame);
    }

    #seal(frame) {
        const iv = Buffer.alloc(12);
        iv.writeUInt32BE(this.#nextCounter++, 8);
        const cipher = createCipheriv('aes-128-gcm', this.#keys.send, iv);
        return Buffer.concat([iv, cipher.update(frame), cipher.final(), cipher.getAuthTag()]);
    }

    #open(message) {
        const decipher = createDecipheriv('aes-128-gcm', this.#keys.receive, message.subarray(0, 12));
        decipher.setAuthTag(message.subarray(-16));
        return Buffer.concat([decipher.update(message.subarray(12, -16)), decipher.final()]);
    }

    #received(message) {
        // Fault 2: plain or encrypted, by guess, also once secure.
        const frame = message[20] <= 7 ? message : this.#open(message);
        const id = frame.readUInt32BE(16);
        const payload = frame.subarray(21);
        switch (frame[20]) {
            case kTypes.ping_pong:
                // Fault 5: a pong is answered as well, with a ping.
                if (payload.toString() === 'pong') this.emit('pong');
                return this.#send('ping_pong', Buffer.from(payload.toString() === 'ping' ? 'pong' : 'ping'), id);
            case kTypes.utf8data:
                this.#send('ack', undefined, id);
                return this.emit('text', payload.toString());
            case kTypes.binarydata:
                this.#send('ack', undefined, id);
                return this.emit('binary', payload);
            case kTypes.server_hello:
                return this.#hello(payload);
            case kTypes.handshake_done:
                this.#send('handshake_done', Buffer.from('null'), id);
                this.#secure = true;
                return this.emit('secure');
        }
    }

    #hello(serverKey) {
        if (!this.#useCale) return this.socket.close(4010);
        this.#ecdh = createECDH('prime256v1');
        this.#ecdh.generateKeys();
        const hash = createHash('sha256').update(this.#ecdh.computeSecret(serverKey)).digest();
        this.#keys = { receive: hash.subarray(0, 16), send: hash.subarray(16) };
        this.#send('client_hello', this.#ecdh.getPublicKey());
    }
}
