// The client's side of the rpc example, on a session of the chat example's cryo-client.js:
//
//   const rpc = new RpcClient(await connect('ws://127.0.0.1:8080/', { token: 'secret' }));
//   console.log(await rpc.call('add', 2, 3));  // 5
export class RpcClient {
    #session;
    #timeout;
    #calls = new Map(); // request id -> {resolve, reject, timer}
    #nextId = 1;

    constructor(session, { timeout = 5_000 } = {}) {
        this.#session = session;
        this.#timeout = timeout;
        session.on('message-utf8', (text) => this.#answered(text));
        const lost = () => [...this.#calls.keys()].forEach((id) => this.#settle(id)?.reject(new Error('connection lost')));
        session.on('reconnecting', lost);
        session.on('closed', lost);
    }

    /// Resolves to the result, a string; rejects with the server's reason, or after the timeout.
    call(method, ...args) {
        return new Promise((resolve, reject) => {
            const id = String(this.#nextId++);
            const timer = setTimeout(() => this.#settle(id)?.reject(new Error('timeout')), this.#timeout);
            this.#calls.set(id, { resolve, reject, timer });
            this.#session.sendUtf8([id, method, ...args].join(' '));
        });
    }

    #answered(text) {
        const [, id, outcome, value] = /^(\S+) (ok|error) ?(.*)$/s.exec(text) ?? [];
        const call = this.#settle(id);
        if (outcome === 'ok') call?.resolve(value);
        else call?.reject(new Error(value));
    }

    #settle(id) {
        const call = this.#calls.get(id);
        if (call) clearTimeout(call.timer);
        this.#calls.delete(id);
        return call;
    }
}
