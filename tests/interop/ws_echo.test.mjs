// cryo-echo's plain endpoints against the npm package ws.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';

import { Peer, writable } from './support/peer.mjs';
import { start } from './support/server.mjs';

const kMessages = 10_000;

for (const flags of [[], ['--deflate'], ['--threads', '2']]) {
    const named = flags.join(' ') || 'defaults';

    test(`echo of text, binary and every size class, ${named}`, async (t) => {
        const { url } = await start(t, 'echo', ['--port', '0', ...flags]);
        const peer = await Peer.open(t, `${url}/ws`);
        assert.equal(peer.socket.extensions, flags.includes('--deflate') ? 'permessage-deflate' : '');
        for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20, 16 << 20]) {
            const text = `${'grüße 👋 '.repeat(size / 14)}${'x'.repeat(size % 14)}`; // 14 bytes each
            peer.send(text);
            assert.ok(await peer.next() === text, `text of ${size} bytes`);
            const data = randomBytes(size);
            peer.send(data);
            assert.ok(data.equals(await peer.next()), `binary of ${size} bytes`);
        }
    });

    test(`${kMessages} messages come back in order, ${named}`, async (t) => {
        const { url } = await start(t, 'echo', ['--port', '0', ...flags]);
        const peer = await Peer.open(t, `${url}/ws`);
        for (let i = 0; i < kMessages; i++) {
            peer.send(`message ${i}`);
            await writable(peer.socket);
        }
        for (let i = 0; i < kMessages; i++) assert.equal(await peer.next(), `message ${i}`);
    });
}

test('fragments are put together, pings are answered in between', async (t) => {
    const { url } = await start(t, 'echo');
    const peer = await Peer.open(t, `${url}/ws`);
    const pong = once(peer.socket, 'pong');
    peer.send('one, ', { fin: false });
    peer.socket.ping('now');
    peer.send('two, ', { fin: false });
    peer.send('three', { fin: true });
    assert.equal((await pong)[0].toString(), 'now');
    assert.equal(await peer.next(), 'one, two, three');
});

test('close codes and reasons are echoed', async (t) => {
    const { url } = await start(t, 'echo');
    for (const [code, reason] of [[1000, 'done'], [1001, ''], [3000, 'mine'], [4999, 'x'.repeat(123)]]) {
        const peer = await Peer.open(t, `${url}/ws`);
        peer.socket.close(code, reason);
        assert.equal((await peer.closed).code, code);
    }
    const peer = await Peer.open(t, `${url}/ws`);
    peer.socket.close();
    assert.equal((await peer.closed).code, 1005);
});

test('a message over the limit closes with 1009, invalid UTF-8 with 1007', async (t) => {
    const { url } = await start(t, 'echo');
    const large = await Peer.open(t, `${url}/ws`);
    large.send(Buffer.alloc((16 << 20) + 1));
    assert.equal((await large.closed).code, 1009);
    const invalid = await Peer.open(t, `${url}/ws`);
    invalid.send(Buffer.from([0xff, 0xfe]), { binary: false });
    assert.equal((await invalid.closed).code, 1007);
});

test('a peer that reads nothing for a while loses nothing', async (t) => {
    const { url } = await start(t, 'echo');
    const peer = await Peer.open(t, `${url}/ws`);
    const count = 3_000;
    const padding = 'x'.repeat(16_000);
    peer.socket.pause();
    for (let i = 0; i < count; i++) peer.send(`${i} ${padding}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    peer.socket.resume();
    for (let i = 0; i < count; i++) assert.ok(await peer.next() === `${i} ${padding}`, `message ${i}`);
});

test('a broadcast reaches every connection of the path, on all threads, in order', async (t) => {
    const { url } = await start(t, 'echo', ['--port', '0', '--threads', '2']);
    const peers = [];
    for (let i = 0; i < 10; i++) peers.push(await Peer.open(t, `${url}/broadcast`));
    const bystander = await Peer.open(t, `${url}/ws`);
    const count = kMessages / 10;
    for (let i = 0; i < count; i++) {
        peers[0].send(`to all ${i}`);
        await writable(peers[0].socket);
    }
    peers[0].send(Buffer.from([1, 2, 3]));
    for (const peer of peers) {
        for (let i = 0; i < count; i++) assert.equal(await peer.next(), `to all ${i}`);
        assert.deepEqual(await peer.next(), Buffer.from([1, 2, 3]));
    }
    bystander.send('only this');
    assert.equal(await bystander.next(), 'only this');
});
