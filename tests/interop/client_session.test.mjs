// The JavaScript client in Node.js against cryo-echo.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { WebSocket, connect } from './support/client.mjs';
import { refusal } from './support/peer.mjs';
import { start } from './support/server.mjs';

const kManyMessages = Number(process.env.CRYO_MANY_MESSAGES ?? 100_000);
const kCale = [[], ['--cale']];

async function open(t, server, options = {}) {
    const session = await connect(`${server.url}/any/path`, { token: 'secret', ...options });
    t.after(() => session.close());
    return session;
}

/// The next arguments with which the session emits an event.
const next = (session, name) => new Promise((resolve) => {
    const end = session.on(name, (...args) => {
        end();
        resolve(args);
    });
});

for (const flags of kCale) {
    const cale = flags.length > 0;
    const named = cale ? 'with CALE' : 'in the clear';

    test(`text comes back as text, binary as binary, each acknowledged, ${named}`, async (t) => {
        const session = await open(t, await start(t, 'echo', ['--port', '0', ...flags]), { cale });
        for (const text of ['hello', '', 'grüße 👋🏽 日本語', 'line\nbreak\0nul', 'x'.repeat(1 << 20)]) {
            const echoed = next(session, 'message-utf8');
            assert.equal(await session.sendUtf8(text), true);
            assert.ok((await echoed)[0] === text);
        }
        for (const size of [0, 1, 65_536, 4 << 20]) {
            const data = randomBytes(size);
            const echoed = next(session, 'message-binary');
            assert.equal(await session.sendBinary(data), true);
            assert.ok(data.equals((await echoed)[0]));
        }
        const { rtt, pendingAcks, ackTimeouts, messagesIn, messagesOut } = session.stats;
        assert.ok(rtt > 0 && rtt < 2_500);
        assert.deepEqual([pendingAcks, ackTimeouts, messagesIn, messagesOut], [0, 0, 9, 9]);
    });

    test(`${kManyMessages} messages come back in order, ${named}`, { timeout: 240_000 }, async (t) => {
        const session = await open(t, await start(t, 'echo', ['--port', '0', ...flags]), { cale });
        let received = 0;
        const all = new Promise((resolve, reject) => {
            session.on('message-utf8', (text) => {
                if (text !== `message ${received}`) reject(new Error(`got "${text}" as number ${received}`));
                if (++received === kManyMessages) resolve();
            });
            session.on('closed', (code, reason) => reject(new Error(`closed: ${code} ${reason}`)));
        });
        for (let i = 0; i < kManyMessages; i++) {
            session.sendUtf8(`message ${i}`);
            // Some in flight, not all of them: a client has to take in its echoes, too.
            while (i - received > 1_000) await new Promise((resolve) => setImmediate(resolve));
        }
        await all;
    });

    test(`the session reconnects under its sid when the server comes back, ${named}`, async (t) => {
        const first = await start(t, 'echo', ['--port', '0', ...flags]);
        const session = await open(t, first, { cale, minDelay: 50 });
        await session.sendUtf8('before');
        const reconnecting = next(session, 'reconnecting');
        const exit = first.stop();
        assert.equal((await reconnecting)[0].code, 4000);
        assert.equal(await exit, 0);
        const waiting = session.sendUtf8('while away');

        const connected = next(session, 'connected');
        const echoed = next(session, 'message-utf8');
        await start(t, 'echo', ['--port', String(first.port), ...flags]);
        await connected;
        assert.deepEqual(await echoed, ['while away']);
        assert.equal(await waiting, true);
    });
}

test('client and server of different opinions on CALE part: 4010 and 4011', async (t) => {
    const plain = await start(t, 'echo');
    const secret = { token: 'secret', handshakeTimeout: 1_000 };
    await assert.rejects(connect(plain.url, { ...secret, cale: true }), { code: 4011 });

    const withCale = await start(t, 'echo', ['--port', '0', '--cale']);
    const session = await connect(withCale.url, secret);
    assert.equal((await next(session, 'closed'))[0], 4010);
});

const uri = (server, query) => `${server.url}/?${new URLSearchParams(query)}`.replaceAll('+', '%20');

test('wrong, missing and malformed tokens and sids are refused with 401', async (t) => {
    const server = await start(t, 'echo');
    const sid = randomUUID();
    const refused = [
        {},
        { 'x-cryo-sid': sid },
        { authorization: 'Bearer wrong', 'x-cryo-sid': sid },
        { authorization: 'secret', 'x-cryo-sid': sid },
        { authorization: 'Basic secret', 'x-cryo-sid': sid },
        { authorization: 'Bearer secret' },
        { authorization: 'Bearer secret', 'x-cryo-sid': '' },
        { authorization: 'Bearer secret', 'x-cryo-sid': 'not-a-uuid' },
        { authorization: 'Bearer secret', 'x-cryo-sid': `${sid}0` },
    ];
    for (const query of refused) {
        const { status, body } = await refusal(uri(server, query));
        assert.equal(status, 401, JSON.stringify(query));
        assert.ok(body.length > 0 && body.length < 200);
    }
    await assert.rejects(connect(server.url, { token: 'wrong' }), /401/);
});

test('the token may come in a header; the query wins', async (t) => {
    const server = await start(t, 'echo');
    const headers = (token) => ({ headers: { authorization: `Bearer ${token}` } });
    const withHeader = (token) => class extends WebSocket {
        constructor(url) {
            super(url.replace(/authorization=[^&]*&/, ''), headers(token));
        }
    };
    const session = await open(t, server, { WebSocket: withHeader('secret') });
    assert.equal(await session.sendUtf8('hello'), true);
    const query = { authorization: 'Bearer wrong', 'x-cryo-sid': randomUUID() };
    assert.equal((await refusal(uri(server, query), headers('secret'))).status, 401);
});

test('a sid is refused while it is connected, and free as soon as it is not', async (t) => {
    const server = await start(t, 'echo', ['--port', '0', '--threads', '2']);
    const first = await open(t, server);
    for (let i = 0; i < 8; i++) await assert.rejects(connect(server.url, { token: 'secret', sid: first.sid }), /401/);
    const closed = next(first, 'closed');
    first.close();
    await closed;
    const second = await open(t, server, { sid: first.sid });
    assert.equal(await second.sendUtf8('mine again'), true);
});

test('pings of the client are answered', async (t) => {
    const session = await open(t, await start(t, 'echo'), { heartbeat: 100 });
    for (let i = 0; i < 10; i++) await next(session, 'rtt');
    assert.equal(session.connected, true);
});

test('the same over TLS, with a certificate made on the fly', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'cryo-tls-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '1',
        '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const { port } = await start(t, 'echo', ['--port', '0', '--cert', cert, '--key', key]);
    const ca = readFileSync(cert);
    class TrustingWebSocket extends WebSocket {
        constructor(url) {
            super(url, { ca });
        }
    }
    const session = await open(t, { url: `wss://127.0.0.1:${port}` }, { WebSocket: TrustingWebSocket });
    for (const size of [1, 16_000, 3 << 20]) {
        const data = randomBytes(size);
        const echoed = next(session, 'message-binary');
        assert.equal(await session.sendBinary(data), true);
        assert.ok(data.equals((await echoed)[0]));
    }
    await assert.rejects(connect(`ws://127.0.0.1:${port}`, { token: 'secret', handshakeTimeout: 2_000 }));
});
