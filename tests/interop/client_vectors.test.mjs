// The JavaScript client's frames and CALE against the byte vectors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { webcrypto as crypto } from 'node:crypto';
import { test } from 'node:test';

import { Cale, FrameType, decodeFrame, encodeFrame, parseSessionId } from './support/client.mjs';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url)));
const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const base64url = (data) => Buffer.from(data).toString('base64url');

const kTypes = {
    ack: FrameType.ack,
    error: FrameType.error,
    ping_pong: FrameType.pingPong,
    utf8data: FrameType.utf8,
    binarydata: FrameType.binary,
    server_hello: FrameType.serverHello,
    client_hello: FrameType.clientHello,
    handshake_done: FrameType.handshakeDone,
};

function payloadOf(vector) {
    if (vector.payload_hex !== undefined) return bytes(vector.payload_hex);
    return new TextEncoder().encode(vector.payload_utf8 ?? '');
}

test('frames are encoded as in the vectors', () => {
    const { frames } = vectors('cryo-frames.json');
    assert.equal(frames.length, 288);
    for (const vector of frames) {
        const frame = encodeFrame(parseSessionId(vector.sid), vector.ack, kTypes[vector.type], payloadOf(vector));
        assert.equal(hex(frame), vector.hex);
    }
});

test('frames are decoded as in the vectors', () => {
    for (const vector of vectors('cryo-frames.json').frames) {
        const { sid, ackId, type, payload } = decodeFrame(bytes(vector.hex));
        assert.equal(hex(sid), vector.sid.replaceAll('-', ''));
        assert.equal(ackId, vector.ack);
        assert.equal(type, kTypes[vector.type]);
        assert.deepEqual(payload, payloadOf(vector));
    }
});

test('what is not a frame decodes to null', () => {
    const frame = encodeFrame(new Uint8Array(16), 1, FrameType.ack);
    assert.equal(decodeFrame(frame.subarray(0, 20)), null);
    frame[20] = 8;
    assert.equal(decodeFrame(frame), null);
});

/// The client of the CALE vectors, its keys derived.
async function clientOf(vector) {
    const point = bytes(vector.client_public_hex);
    const jwk = {
        kty: 'EC',
        crv: 'P-256',
        d: base64url(bytes(vector.client_private_hex)),
        x: base64url(point.subarray(1, 33)),
        y: base64url(point.subarray(33)),
    };
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    const privateKey = await crypto.subtle.importKey('jwk', jwk, curve, false, ['deriveBits']);
    const publicKey = await crypto.subtle.importKey('raw', point, curve, true, []);
    const cale = new Cale({ privateKey, publicKey });
    await cale.deriveKeys(bytes(vector.server_public_hex));
    return cale;
}

test('CALE: the whole transcript, both directions', async () => {
    const vector = vectors('cryo-cale.json');
    const [serverHello, clientHello, done, clientDone] = vector.handshake.map(({ hex: text }) => bytes(text));
    assert.equal(decodeFrame(serverHello).type, FrameType.serverHello);
    assert.equal(hex(decodeFrame(serverHello).payload), vector.server_public_hex);

    const cale = await clientOf(vector);
    const sid = parseSessionId(vector.sid);
    assert.equal(hex(encodeFrame(sid, 0, FrameType.clientHello, await cale.publicKey())), hex(clientHello));
    const { ackId, payload } = decodeFrame(done);
    assert.equal(hex(encodeFrame(sid, ackId, FrameType.handshakeDone, payload)), hex(clientDone));

    for (const { plain_hex, encrypted_hex } of vector.client_to_server) {
        assert.equal(hex(await cale.seal(bytes(plain_hex))), encrypted_hex);
    }
    for (const { plain_hex, encrypted_hex } of vector.server_to_client) {
        assert.equal(hex(await cale.open(bytes(encrypted_hex))), plain_hex);
    }
});

test('CALE: tampered, replayed and cut messages are refused, skipped counters are not', async () => {
    const vector = vectors('cryo-cale.json');
    const [first, second, third] = vector.server_to_client.map(({ encrypted_hex }) => bytes(encrypted_hex));

    for (let i = 0; i < second.length; i++) {
        const tampered = second.slice();
        tampered[i] ^= 1;
        for (const message of [tampered, second.subarray(0, i)]) {
            await assert.rejects((await clientOf(vector)).open(message));
        }
    }
    const cale = await clientOf(vector);
    await cale.open(second);
    await assert.rejects(cale.open(second), /replayed/);
    await assert.rejects(cale.open(first), /replayed/);
    await cale.open(third);
});

test('CALE: a key off the curve is refused', async () => {
    const cale = await Cale.create();
    const point = await (await Cale.create()).publicKey();
    await assert.rejects(cale.deriveKeys(point.subarray(0, 64)));
    point[64] ^= 1;
    await assert.rejects(cale.deriveKeys(point));
});
