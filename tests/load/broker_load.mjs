// Puts a broker of an API, two workers and a Redis under load, kills a worker, adds another, and accounts for every message.
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

import { Account } from './account.mjs';
import { startBroker, startRedis } from './processes.mjs';

const { WebSocket } = createRequire(new URL('../interop/package.json', import.meta.url))('ws');

const kHelp = `usage: broker_load.mjs [option]...
  --broker FILE        the program cryo-broker
  --connections N      clients, over two workers (default: 10000)
  --seconds N          how long messages are sent (default: 120)
  --rate N             sends a second, half to users, half to channels (default: 1000)
  --messaging METHOD   redis or direct (default: redis)
A third into the time one worker is killed, at half of it another is added, and those who lost their connection come back.
Exit code: 0 every message was delivered or its connection was gone, 1 otherwise, 2 wrong use.`;

const kToken = 'load';
const kSenders = 40;
const kChannelSize = 20;
const kAtOnce = 100; // connections that are being made

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function parse() {
    const options = { broker: { type: 'string' }, connections: { type: 'string', default: '10000' },
        seconds: { type: 'string', default: '120' }, rate: { type: 'string', default: '1000' },
        messaging: { type: 'string', default: 'redis' }, help: { type: 'boolean', short: 'h' } };
    try {
        const { values } = parseArgs({ options });
        if (values.help) { console.log(kHelp); process.exit(0); }
        const numbers = ['connections', 'seconds', 'rate'].map((name) => Number(values[name]));
        if (!values.broker || numbers.some((number) => !Number.isInteger(number) || number < 1)) throw new Error('wrong options');
        return { broker: values.broker, messaging: values.messaging, connections: numbers[0], seconds: numbers[1], rate: numbers[2] };
    } catch (error) {
        console.error(`${error.message}\n${kHelp}`);
        process.exit(2);
    }
}

const options = parse();
const account = new Account();
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
let apiPort;
let workers = [];

/// @returns the JSON of the answer, with its `status`
const call = (path, body = '') => new Promise((resolve) => {
    const asked = request({ port: apiPort, host: '127.0.0.1', method: 'POST', path, agent, headers: { Authorization: `Bearer ${kToken}`, 'Content-Length': Buffer.byteLength(body) } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part) => { text += part; });
        answer.on('end', () => { try { resolve({ status: answer.statusCode, ...JSON.parse(text) }); } catch { resolve({ status: 0 }); } });
    });
    asked.on('error', (error) => resolve({ status: 0, error: error.message }));
    asked.end(body);
});

const users = Math.ceil(options.connections / 2); // two connections each
const channels = Math.ceil(options.connections / kChannelSize);
const lost = []; // numbers of clients to be connected again

/// A client of user and channel `number`, on a worker of those that run.
async function connectClient(number) {
    const user = `u${number % users}`;
    const channel = `c${number % channels}`;
    const { claim } = await call(`/claim?user=${user}&channels=${channel}`);
    const worker = workers[number % workers.length];
    return new Promise((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${worker.port}/connect?claim=${claim?.id}`, { perMessageDeflate: false });
        let party = null;
        socket.on('open', () => { party = account.join(`client ${number}`, [user, channel]); resolve(true); });
        socket.on('message', (data) => account.receive(party, data.toString()));
        socket.on('error', () => {});
        socket.on('close', () => {
            if (!party) return resolve(false);
            account.leave(party);
            lost.push(number);
        });
    });
}

async function connectAll(numbers) {
    const queue = [...numbers];
    const lanes = Array.from({ length: kAtOnce }, async () => {
        for (let number = queue.pop(); number !== undefined; number = queue.pop()) {
            while (!(await connectClient(number))) await sleep(100);
        }
    });
    await Promise.all(lanes);
}

/// Sends one message after the other, as many as its share of the rate; falls behind rather than overlap.
async function sender(index, until) {
    const pause = (1000 * kSenders) / options.rate;
    let due = performance.now() + (pause * index) / kSenders;
    for (let number = 0; performance.now() < until; ++number, due += pause) {
        const left = due - performance.now();
        if (left > 1) await sleep(left);
        const toUser = Math.random() < 0.5;
        const topic = toUser ? `u${Math.floor(Math.random() * users)}` : `c${Math.floor(Math.random() * channels)}`;
        const id = `${topic} ${index} ${number}`;
        account.send(id, topic);
        const answer = await call(`/send?type=text&report=true&${toUser ? 'user' : 'channel'}=${topic}`, id);
        if (answer.status !== 200) account.refuse(id, topic);
        if (answer.complete === false) ++account.unconfirmed;
    }
}

const step = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const redis = await startRedis();
const shared = { redis_host: `127.0.0.1:${redis.port}`, token: kToken, messaging_method: options.messaging, direct_message_hostname: '127.0.0.1', direct_message_secret: 'load' };
const startWorker = () => startBroker(options.broker, { role: 'worker', ...shared });
const api = await startBroker(options.broker, { role: 'api', ...shared });
apiPort = api.port;
workers = [await startWorker(), await startWorker()];
step(`connecting ${options.connections} clients to two workers`);
await connectAll(Array(options.connections).keys());
step(`connected ${account.open}; sending ${options.rate} a second for ${options.seconds} s`);

const began = performance.now();
const length = options.seconds * 1000;
const sending = Promise.all(Array.from({ length: kSenders }, (_, index) => sender(index, began + length)));

await sleep(length / 3);
const [killed] = workers.splice(0, 1);
killed.child.kill('SIGKILL');
await killed.child.gone;
step('killed a worker');
await sleep(length / 6);
workers.push(await startWorker());
step(`added a worker; ${lost.length} clients come back`);
await connectAll(lost.splice(0));
step(`connected ${account.open}`);
await sending;
const took = (performance.now() - began) / 1000;
for (let i = 0; i < 100 && account.outstanding > 0; ++i) await sleep(100);

const missing = account.outstanding;
step('the account:');
console.log(`  sent          ${account.sent} (${(account.sent / took).toFixed(0)} a second)`);
console.log(`  refused       ${account.refused} (the caller was told)`);
console.log(`  unconfirmed   ${account.unconfirmed} (the caller was told: a worker did not say whom it reached)`);
console.log(`  delivered     ${account.delivered}`);
console.log(`  gone          ${account.gone} (their connection had ended)`);
console.log(`  early         ${account.early} (for connections that were being let in)`);
console.log(`  missing       ${missing}`);
for (const problem of account.problems) console.log(`  PROBLEM: ${problem}`);

const ended = await Promise.all([api, ...workers].map(async ({ child }) => { child.kill('SIGTERM'); return child.gone; }));
const clean = ended.every(({ code }) => code === 0);
if (!clean) console.log('  PROBLEM: a process did not end in order');
const passed = missing === 0 && account.problems.length === 0 && account.delivered > 0 && clean;
console.log(passed ? 'passed' : 'FAILED');
process.exit(passed ? 0 : 1);
