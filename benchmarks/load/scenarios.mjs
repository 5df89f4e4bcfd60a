// What is measured, and on whom. A group is a set of contenders in the same scenarios, compared with the first contender.

/// `better`: which way a ratio has to be turned so that more is better.
export const kMetrics = {
    throughput: { key: 'per_second', title: 'messages a second', better: 'higher' },
    cpu: { key: 'server_cpu_us_per_message', title: 'CPU time of the server, µs a message', better: 'lower' },
    acceptRate: { key: 'per_second', title: 'connections a second', better: 'higher' },
    acceptCpu: { key: 'server_cpu_us_per_message', title: 'CPU time of the server, µs a connection', better: 'lower' },
    p50: { key: 'p50_us', title: 'latency, median, µs', better: 'lower' },
    p99: { key: 'p99_us', title: 'latency, 99th percentile, µs', better: 'lower' },
    memory: { key: 'rss_bytes_per_connection', title: 'memory, bytes a connection', better: 'lower' },
    memoryAfter: {
        key: 'rss_bytes_per_connection_after_traffic', title: 'memory after one echo, bytes a connection', better: 'lower',
    },
    connectCpu: { key: 'connect_cpu_us', title: 'CPU time of connecting, µs a connection', better: 'lower' },
    disconnectCpu: { key: 'disconnect_cpu_us', title: 'CPU time of disconnecting, µs a connection', better: 'lower' },
    disconnectTime: { key: 'disconnect_seconds', title: 'resetting all connections at once, s', better: 'lower' },
    peakMemory: { key: 'peak_rss_mib', title: 'peak memory of the server, MiB', better: 'lower' },
};

const kEchoMetrics = ['throughput', 'cpu', 'p50', 'p99', 'peakMemory'];
const kIdleMetrics = ['memory', 'memoryAfter', 'connectCpu', 'disconnectCpu'];
const count = (number) => number.toLocaleString('en-US');

function echo(name, connections, { bytes = 20, depth = 1 } = {}) {
    const size = bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`;
    const flight = depth > 1 ? `, ${depth} in flight each` : '';
    const title = `echo ${size}, ${count(connections)} connections${flight}`;
    return { name, title, load: { scenario: 'echo', connections, bytes, depth }, metrics: kEchoMetrics };
}

function broadcast(name, connections) {
    const load = { scenario: 'broadcast', connections, bytes: 20, depth: 1 };
    return { name, title: `broadcast 20 B to ${count(connections)}`, load, metrics: ['throughput', 'cpu', 'peakMemory'] };
}

function rate(name, connections, perSecond = 20_000) {
    const load = { scenario: 'rate', connections, bytes: 20, rate: perSecond };
    const title = `${count(perSecond)} messages a second over ${count(connections)} connections`;
    return { name, title, load, metrics: ['p50', 'p99', 'cpu'] };
}

function idle(name, connections) {
    const load = { scenario: 'idle', connections, bytes: 20 };
    return { name, title: `${count(connections)} idle connections`, load, metrics: kIdleMetrics };
}

const kCrowds = [1_000, 5_000, 18_000];

function growthIdle(connections) {
    const scenario = idle(`growth-idle-${connections}`, connections);
    return { ...scenario, metrics: [...kIdleMetrics, 'disconnectTime'] };
}

function growthEcho(connections) {
    const scenario = echo(`growth-echo-${connections}`, connections);
    return { ...scenario, metrics: ['throughput', 'cpu'] };
}

/// `server`: its program, see servers.mjs; `arguments` for it; `load`: more options of the generator; `files`: its soft
/// limit of open files, for so many connections.
const contender = (name, more = {}) => ({ name, server: name, arguments: [], load: {}, ...more });
const cryo = (name, more = {}) => contender(name, { server: 'cryo', ...more });

/// Of the hub, compared with a bare loop that sends the same bytes to the same sockets: epoll's on /broadcast.
function hubGroups() {
    const published = (name, title, connections, metrics) => ({ ...broadcast(name, connections), title, metrics });
    const kSending = ['throughput', 'cpu'];
    const one = (prefix, metrics) => [1, 100, 10_000].map((receivers) =>
        published(`${prefix}-${receivers}`, `1 topic of ${count(receivers)}`, receivers, metrics));
    const many = (name, metrics) => [published(name, '1,000 topics of 10', 10_000, metrics)];
    const epoll = contender('epoll');
    return [
        {
            title: 'Publishing to a topic of the hub',
            contenders: [epoll, cryo('endpoint'), contender('hub')],
            scenarios: one('hub', kSending),
        },
        {
            title: 'Publishing to many topics of the hub',
            contenders: [epoll, contender('hub', { arguments: ['--topics', '1000'] })],
            scenarios: many('hub-topics', kSending),
        },
        {
            title: 'Publishing to a topic of the hub on two loops, together on one core',
            contenders: [epoll, contender('hub', { arguments: ['--threads', '2'] })],
            scenarios: one('hub-loops', ['cpu']),
        },
        {
            title: 'Publishing to many topics of the hub on two loops, together on one core',
            contenders: [epoll, contender('hub', { arguments: ['--threads', '2', '--topics', '1000'] })],
            scenarios: many('hub-loops-topics', ['cpu']),
        },
        {
            title: 'Memory of the hub',
            contenders: [cryo('no hub'), ...[0, 1, 11].map((subscriptions) =>
                contender(subscriptions === 1 ? '1 topic' : `${subscriptions} topics`, {
                    server: 'hub', arguments: ['--subscriptions', String(subscriptions)],
                }))],
            scenarios: [{ ...idle('hub-idle-10000', 10_000), metrics: ['memory', 'connectCpu', 'disconnectCpu'] }],
        },
    ];
}

/// In rows that tell of the other servers no more than those with more connections.
const kLimitAndCryo = ['epoll', 'cryo'];

/// @param tls `--cert` and `--key` with their files
/// @param canSpin whether cryo-echo has `--spin-us`
export function makeGroups({ tls, canSpin }) {
    const spinning = { arguments: ['--spin-us', '50'] };
    const groups = [
        {
            title: 'Servers',
            contenders: ['epoll', 'cryo', 'beast', 'websocketpp', 'lws', 'ws'].map((name) => contender(name)),
            scenarios: [
                echo('echo-100', 100),
                echo('echo-1000', 1_000),
                echo('echo-10000', 10_000),
                echo('echo-100-16k', 100, { bytes: 16 << 10 }),
                echo('echo-100-deep', 100, { depth: 16 }),
                { ...broadcast('broadcast-1000', 1_000), only: kLimitAndCryo },
                broadcast('broadcast-10000', 10_000),
                {
                    name: 'accept',
                    title: 'opening and resetting connections, 32 at a time',
                    load: { scenario: 'accept', connections: 1_000, depth: 32 },
                    metrics: ['acceptRate', 'acceptCpu'],
                },
                { ...rate('rate-100', 100), only: kLimitAndCryo },
                rate('rate-10000', 10_000),
                idle('idle-10000', 10_000),
            ],
        },
        {
            title: 'TLS',
            contenders: ['epoll', 'cryo'].map((name) => contender(name, { arguments: tls, load: { tls: true } })),
            scenarios: [echo('tls-echo-100', 100)],
        },
        {
            title: 'Protocols of cryo',
            contenders: [
                cryo('websocket'),
                cryo('cryo', { load: { protocol: 'cryo' } }),
                cryo('cale', { arguments: ['--cale'], load: { protocol: 'cale' } }),
            ],
            scenarios: [echo('protocol-echo-100', 100), idle('protocol-idle-10000', 10_000)],
        },
        {
            title: 'Loops of cryo, together on one core',
            contenders: [cryo('1 loop'), cryo('2 loops', { arguments: ['--threads', '2'] })],
            scenarios: [
                { ...rate('loops-rate-1000', 1_000, 100_000), metrics: ['cpu', 'p50'] },
                { ...echo('loops-echo-1000', 1_000), metrics: ['throughput', 'cpu'] },
                { ...echo('loops-echo-10000', 10_000), metrics: ['throughput', 'cpu'] },
            ],
        },
        {
            title: 'Growth, and limits of open files',
            contenders: [
                contender('epoll', { files: () => 19_000 }),
                cryo('cryo, 19,000', { files: () => 19_000 }),
                cryo('cryo, what fits', { files: (connections) => connections + 100 }),
            ],
            scenarios: [
                ...kCrowds.map((connections) => growthIdle(connections)),
                ...kCrowds.map((connections) => growthEcho(connections)),
            ],
        },
        {
            title: 'Growth over TLS, and limits of open files',
            contenders: [
                cryo('cryo, 19,000', { arguments: tls, load: { tls: true }, files: () => 19_000 }),
                cryo('cryo, what fits', { arguments: tls, load: { tls: true }, files: (connections) => connections + 100 }),
            ],
            scenarios: [1_000, 5_000].map((connections) => ({
                ...idle(`growth-tls-${connections}`, connections), title: `${count(connections)} idle connections, TLS`,
            })),
        },
    ];
    groups.push(...hubGroups());
    if (canSpin) {
        groups.push({
            title: 'Spinning',
            contenders: [contender('epoll'), contender('epoll, 50 µs', { server: 'epoll', ...spinning }), cryo('cryo'),
                cryo('cryo, 50 µs', spinning)],
            scenarios: [rate('spin-rate-100', 100)],
        });
    }
    return groups;
}
