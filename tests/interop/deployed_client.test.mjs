// A client with the faults of the deployed ones against cryo-echo.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';

import { DeployedClient } from './support/deployed_client.mjs';
import { writable } from './support/peer.mjs';
import { start } from './support/server.mjs';

const kManyMessages = Number(process.env.CRYO_MANY_MESSAGES ?? 100_000);

async function open(t, flags, options) {
    const { url } = await start(t, 'echo', ['--port', '0', ...flags]);
    const client = new DeployedClient(url, { sid: randomUUID(), token: 'secret', ...options });
    t.after(() => client.socket.terminate());
    const secure = options.cale ? once(client, 'secure') : null;
    await client.open();
    await secure;
    return client;
}

for (const cale of [false, true]) {
    const named = cale ? 'with CALE' : 'in the clear';
    const flags = cale ? ['--cale'] : [];

    test(`${kManyMessages} messages come back in order, ${named}`, { timeout: 120_000 }, async (t) => {
        const client = await open(t, flags, { cale });
        let received = 0;
        const all = new Promise((resolve, reject) => {
            client.on('text', (text) => {
                if (text !== `message ${received}`) reject(new Error(`got "${text}" as number ${received}`));
                if (++received === kManyMessages) resolve();
            });
            client.on('closed', (code) => reject(new Error(`closed: ${code}`)));
        });
        for (let i = 0; i < kManyMessages; i++) {
            client.sendText(`message ${i}`);
            await writable(client.socket);
        }
        await all;
    });

    test(`text sized by UTF-16 length is delivered as it came, ${named}`, async (t) => {
        const client = await open(t, flags, { cale });
        const echoed = once(client, 'text');
        client.sendText('grüße'); // 7 bytes of UTF-8 in a payload of 5: only whole characters, then zeros
        assert.deepEqual(await echoed, ['grü\0']);
    });

    test(`a client that reads nothing for a while loses nothing, ${named}`, { timeout: 60_000 }, async (t) => {
        const client = await open(t, flags, { cale });
        const count = 3_000;
        let received = 0;
        const all = new Promise((resolve, reject) => {
            client.on('binary', (data) => {
                if (data.readUInt32BE() !== received) reject(new Error(`got ${data.readUInt32BE()} as number ${received}`));
                if (++received === count) resolve();
            });
            client.on('closed', (code) => reject(new Error(`closed: ${code}`)));
        });
        client.socket.pause();
        for (let i = 0; i < count; i++) {
            const data = Buffer.alloc(16_000);
            data.writeUInt32BE(i);
            client.sendBinary(data);
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
        client.socket.resume();
        await all;
    });

    test(`answering pong with ping starts no endless exchange, ${named}`, async (t) => {
        const client = await open(t, flags, { cale });
        let pongs = 0;
        client.on('pong', () => pongs++);
        client.ping();
        await once(client, 'pong');
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.ok(pongs < 10, `${pongs} pongs for one ping`);
        const echoed = once(client, 'text');
        client.sendText('still here');
        assert.deepEqual(await echoed, ['still here']);
    });
}

test('this client loses what comes with the answer to its upgrade', async (t) => {
    const http = createServer().listen(0, '127.0.0.1');
    t.after(() => http.close());
    const server = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
        socket.cork();
        server.handleUpgrade(request, socket, head, (peer) => {
            peer.send(Buffer.concat([Buffer.alloc(20), Buffer.from([3]), Buffer.from('lost')]));
            setTimeout(() => peer.close(1000), 50);
        });
        process.nextTick(() => socket.uncork());
    });
    await once(http, 'listening');
    const client = new DeployedClient(`ws://127.0.0.1:${http.address().port}`, { sid: randomUUID(), token: 'any' });
    client.on('text', () => assert.fail('not lost'));
    const closed = once(client, 'closed');
    await client.open();
    await closed;
});

test('the server_hello is not lost on a client that listens late', async (t) => {
    for (let i = 0; i < 20; i++) await open(t, ['--cale'], { cale: true });
});

test('a client without CALE closes with 4010', async (t) => {
    const client = await open(t, ['--cale'], { cale: false });
    assert.deepEqual(await once(client, 'closed'), [4010]);
});
