// Every example is started and spoken to.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { RpcClient } from '../../examples/rpc/rpc-client.js';
import { connect } from './support/client.mjs';
import { run, start } from './support/server.mjs';

const kWithOptions = ['echo', 'chat', 'auth', 'extension', 'rpc'];

/// A session whose texts can be asked for one by one.
class Conversation {
    #texts = [];
    #waiting = [];

    static async open(t, server, options = {}) {
        const session = await connect(server.url, { token: 'secret', ...options });
        t.after(() => session.close());
        return new Conversation(session);
    }

    constructor(session) {
        this.session = session;
        this.closed = new Promise((resolve) => session.on('closed', resolve));
        session.on('message-utf8', (text) => {
            if (this.#waiting.length > 0) this.#waiting.shift()(text);
            else this.#texts.push(text);
        });
    }

    say(text) {
        this.session.sendUtf8(text);
    }

    hear() {
        if (this.#texts.length > 0) return Promise.resolve(this.#texts.shift());
        return new Promise((resolve) => this.#waiting.push(resolve));
    }

    ask(text) {
        this.say(text);
        return this.hear();
    }
}

for (const name of kWithOptions) {
    test(`${name}: --help explains, a wrong command line is refused`, async () => {
        const help = await run(name, ['--help']);
        assert.equal(help.code, 0);
        assert.match(help.stdout, new RegExp(`usage: cryo-${name}.*--port N`, 's'));
        for (const args of [['--colour'], ['--port'], ['--port', '70000'], ['--port=x'], ['extra']]) {
            const { code, stderr } = await run(name, args);
            assert.equal(code, 2, args.join(' '));
            assert.match(stderr, /--help/);
        }
    });

    test(`${name}: a taken port is named, SIGTERM ends it with 0`, async (t) => {
        const taken = createServer().listen(0, '127.0.0.1');
        t.after(() => taken.close());
        await once(taken, 'listening');
        const { code, stderr } = await run(name, ['--port', String(taken.address().port)]);
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(String(taken.address().port)));
        assert.equal(await (await start(t, name)).stop(), 0);
    });
}

test('minimal sends text back', async (t) => {
    const client = await Conversation.open(t, await start(t, 'minimal', ['0']));
    assert.equal(await client.ask('hello'), 'hello');
});

test('echo answers GET /health with ok', async (t) => {
    const { port } = await start(t, 'echo');
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'ok');
});

test('echo names a certificate it cannot read', async () => {
    const { code, stderr } = await run('echo', ['--port', '0', '--cert', '/nowhere.pem', '--key', '/nowhere.pem']);
    assert.equal(code, 1);
    assert.match(stderr, /nowhere\.pem/);
});

test('auth greets who the database knows, and refuses the others', async (t) => {
    const server = await start(t, 'auth');
    const greeting = async (user) => (await Conversation.open(t, server, { token: `token-of-${user}` })).hear();
    const [ada, grace] = await Promise.all([greeting('ada'), greeting('grace')]);
    assert.match(ada, /^hello ada, your claims: .*admin/);
    assert.match(grace, /^hello grace, your claims: .*guest/);
    await assert.rejects(connect(server.url, { token: 'token-of-nobody' }), /401/);
});

const kNeedsAuth = { skip: !process.env.CRYO_JWT && 'built without the extension auth' };

test('jwt admits by token, and renews it in band', kNeedsAuth, async (t) => {
    const secret = 'a secret of more than thirty-two bytes';
    process.env.CRYO_JWT_SECRET = secret;
    t.after(() => delete process.env.CRYO_JWT_SECRET);
    const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const sign = (claims, key = secret) => {
        const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
        return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    };

    const server = await start(t, 'jwt');
    const ada = await Conversation.open(t, server, { token: sign({ sub: 'ada', exp: now + 60 }) });
    assert.equal(await ada.hear(), 'hello ada');
    assert.equal(await ada.ask('hi'), 'hi');
    assert.equal(await ada.ask(`cryo:renew ${sign({ sub: 'ada', exp: now + 600 })}`), `cryo:renewed ${now + 630}`);
    assert.equal(await ada.ask(`cryo:renew ${sign({ sub: 'bob', exp: now + 600 })}`), 'cryo:renew-refused other user');
    for (const token of [sign({ sub: 'ada', exp: now + 60 }, 'another'), sign({ sub: 'ada', exp: now - 60 }), 'x']) {
        await assert.rejects(connect(server.url, { token }), /401/);
    }
});

test('extension: shouting is turned down, empty messages are dropped, the log has it all', async (t) => {
    const server = await start(t, 'extension');
    const client = await Conversation.open(t, server);
    assert.equal(await client.ask('HELLO, WORLD. GRÜSSE!'), 'hello, world. grÜsse!');
    assert.equal(await client.ask('Hello'), 'Hello');
    client.say('   ');
    assert.equal(await client.ask('next'), 'next');
    client.session.close();
    await client.closed;
    await server.stop();
    const log = server.lines.filter((line) => line.startsWith(client.session.sid)).map((line) => line.slice(37));
    assert.deepEqual(log, ['opened', 'received text, 22 bytes', 'sends text, 22 bytes', 'received text, 5 bytes',
        'sends text, 5 bytes', 'received text, 3 bytes', 'received text, 4 bytes', 'sends text, 4 bytes', 'closed with 1000']);
});

test('rpc answers, also later and out of order', async (t) => {
    const rpc = new RpcClient((await Conversation.open(t, await start(t, 'rpc'))).session);
    const answered = [];
    const slow = rpc.call('factor', 999_999_000_001).then((result) => answered.push(result));
    const quick = rpc.call('add', 2, 3, -1).then((result) => answered.push(result));
    await Promise.all([slow, quick]);
    assert.deepEqual(answered.sort(), ['4', 'prime']);
    assert.match(await rpc.call('time'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(await rpc.call('factor', 91), '7');
    await assert.rejects(rpc.call('add', 1, 'x'), /not a number: x/);
    await assert.rejects(rpc.call('nonsense'), /unknown method/);
});

test('chat serves its page, and nothing outside of its folder', async (t) => {
    const { port } = await start(t, 'chat', ['--port', '0', '--cale']);
    const page = await fetch(`http://127.0.0.1:${port}/`);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(await page.text(), /Cryo Chat/);
    const script = await fetch(`http://127.0.0.1:${port}/cryo-client.js`);
    assert.match(script.headers.get('content-type'), /javascript/);
    assert.deepEqual(await (await fetch(`http://127.0.0.1:${port}/config`)).json(), { cale: true });
    for (const path of ['/..%2fmain.cpp', '/%2e%2e/main.cpp', '/nothing.html']) {
        assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status >= 400, true, path);
    }
});

test('chat: names, rooms and messages have limits', async (t) => {
    const client = await Conversation.open(t, await start(t, 'chat'), { token: 'demo' });
    assert.match(await client.ask('say\t1\nhello'), /^refused\n/);
    assert.match(await client.ask('join\tlobby\t'), /^refused\n/);
    assert.match(await client.ask(`join\tlobby\t${'x'.repeat(97)}`), /^refused\n/);
    assert.match(await client.ask('join\ta\u0007b\tAda'), /^refused\n/);
    assert.match(await client.ask('join\tlobby\tAda'), /^joined\tlobby\t\d+$/);
    assert.match(await client.hear(), /^members\t\d+\tAda$/);
    assert.match(await client.hear(), /^rooms\t/);
    assert.match(await client.ask(`say\t1\n${'x'.repeat(16_001)}`), /^refused\n/);
    client.say('nonsense');
    assert.equal(await client.closed, 4001);
});
