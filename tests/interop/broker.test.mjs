// The broker with the npm package ws as its clients, and a client of dSock's API as their back-end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import WebSocket from 'ws';

import { DsockApiError, DsockClient } from './support/dsock_client.mjs';
import { start } from './support/server.mjs';

async function startBroker(t, args = []) {
    const server = await start(t, 'broker', ['--host', '127.0.0.1', '--port', '0', '--token', 'secret', ...args]);
    const api = new DsockClient(`http://127.0.0.1:${server.port}`, 'secret');
    const connect = async (query, options) => {
        const socket = new WebSocket(`${server.url}/connect?${query}`, options);
        const messages = [];
        const waiting = [];
        socket.on('message', (data, isBinary) => {
            const message = isBinary ? data : data.toString();
            if (waiting.length > 0) waiting.shift()(message); else messages.push(message);
        });
        socket.next = () => (messages.length > 0 ? messages.shift() : new Promise((resolve) => waiting.push(resolve)));
        await once(socket, 'open');
        t.after(() => socket.terminate());
        return socket;
    };
    const join = async (claim, options) => connect(`claim=${(await api.createClaim(claim)).claim.id}`, options);
    return { server, api, connect, join };
}

test('a claim is made, redeemed and used up', async (t) => {
    const { api, connect, server } = await startBroker(t);
    const { claim } = await api.createClaim({ user: 'ada', session: 's', channels: ['news'], time: { duration: 30 } });
    assert.equal(claim.user, 'ada');
    assert.deepEqual(claim.channels, ['news']);
    await connect(`claim=${claim.id}`);
    const again = new WebSocket(`${server.url}/connect?claim=${claim.id}`);
    const [, response] = await once(again, 'unexpected-response');
    assert.equal(response.statusCode, 400);
    again.on('error', () => {});
    again.terminate();
});

test('text and binary arrive as what they are', async (t) => {
    const { api, join } = await startBroker(t);
    const client = await join({ user: 'ada' });
    assert.deepEqual(await api.send({ user: 'ada', data: 'a=b & c' }), { success: true });
    assert.equal(await client.next(), 'a=b & c');
    await api.send({ user: 'ada', data: Buffer.from([0, 255, 10]) });
    assert.deepEqual(await client.next(), Buffer.from([0, 255, 10]));
});

test('channels are joined and left', async (t) => {
    const { api, join } = await startBroker(t);
    const client = await join({ user: 'ada' });
    await api.channelSubscribe('news', { user: 'ada' });
    await api.send({ channel: 'news', data: 'in' });
    assert.equal(await client.next(), 'in');
    await api.channelUnsubscribe('news', { user: 'ada' });
    await api.send({ channel: 'news', data: 'out' });
    await api.send({ user: 'ada', data: 'last' });
    assert.equal(await client.next(), 'last');
});

test('info tells of connections and claims', async (t) => {
    const { api, join } = await startBroker(t);
    await join({ user: 'ada', session: 's', channels: ['c'] });
    await api.createClaim({ user: 'ada' });
    const { connections, claims } = await api.info({ user: 'ada' });
    assert.equal(connections.length, 1);
    assert.equal(connections[0].session, 's');
    assert.deepEqual(connections[0].channels, ['c']);
    assert.equal(claims.length, 1);
});

test('a disconnected client sees a normal end', async (t) => {
    const { api, join } = await startBroker(t);
    const client = await join({ user: 'ada' });
    const closed = once(client, 'close');
    await api.disconnect({ user: 'ada' });
    assert.equal((await api.info({ user: 'ada' })).connections.length, 0);
    const [code, reason] = await closed;
    assert.equal(code, 1000);
    assert.equal(reason.toString(), '');
});

test('a stopping broker closes its clients with 1000', async (t) => {
    const { server, join } = await startBroker(t);
    const clients = await Promise.all(['a', 'b', 'c'].map((user) => join({ user })));
    const closed = Promise.all(clients.map((client) => once(client, 'close')));
    assert.equal(await server.stop(), 0);
    for (const [code] of await closed) assert.equal(code, 1000);
});

test('errors are those that the client knows', async (t) => {
    const { api, server } = await startBroker(t);
    const failsWith = (promise, errorCode) => assert.rejects(promise, (error) => error instanceof DsockApiError && error.errorCode === errorCode);
    await failsWith(api.createClaim({}), 'USER_ID_REQUIRED');
    await failsWith(api.send({ data: 'x' }), 'MISSING_TARGET');
    await failsWith(new DsockClient(api.url, 'wrong').info({ user: 'ada' }), 'INVALID_AUTHORIZATION');
    const unknown = await fetch(`http://127.0.0.1:${server.port}/nothing?token=secret`);
    assert.equal(unknown.status, 404);
    assert.equal(await unknown.text(), '404 page not found');
});

test('compression is used when it is switched on', async (t) => {
    const { api, join } = await startBroker(t, ['--compression', 'true']);
    const client = await join({ user: 'ada' }, { perMessageDeflate: true });
    assert.match(client.extensions, /permessage-deflate/);
    await api.send({ user: 'ada', data: 'x'.repeat(10_000) });
    assert.equal((await client.next()).length, 10_000);
});
