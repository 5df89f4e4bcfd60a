// What deployed back-ends of dSock use: a client of its API, with the demands that its client for Node.js makes.
export class DsockApiError extends Error {
    constructor(errorCode, message, metadata) {
        super(message);
        this.errorCode = errorCode;
        this.metadata = metadata;
    }
}

export class DsockClient {
    constructor(url, token) {
        this.url = url;
        this.token = token;
    }

    createClaim({ user, session, id, channels = [], time = {} }) {
        return this.#ask('POST', '/claim', { user, session, id, channels: channels.join(','), ...time });
    }
    send({ data, ...target }) {
        return this.#ask('POST', '/send', { ...target, type: typeof data === 'string' ? 'text' : 'binary' }, data);
    }
    disconnect(target) { return this.#ask('POST', '/disconnect', target); }
    info(target) { return this.#ask('GET', '/info', target); }
    channelSubscribe(channel, target) { return this.#ask('POST', `/channel/subscribe/${channel}`, target); }
    channelUnsubscribe(channel, target) { return this.#ask('POST', `/channel/unsubscribe/${channel}`, target); }

    async #ask(method, path, parameters, body) {
        const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined && value !== ''));
        const headers = { Authorization: `Bearer ${this.token}` };
        if (typeof body === 'string') headers['Content-Type'] = 'application/x-www-form-urlencoded'; // as axios does
        const answer = await fetch(`${this.url}${path}?${query}`, { method, headers, body });
        if (!answer.headers.get('content-type')?.includes('application/json')) throw new DsockApiError(String(answer.status), answer.statusText);
        const result = await answer.json();
        if (!result.success) throw new DsockApiError(result.errorCode, result.error, { status: answer.status, ...result });
        return result;
    }
}
