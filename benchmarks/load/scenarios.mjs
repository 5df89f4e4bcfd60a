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

function rate(name, connections) {
    const load = { scenario: 'rate', connections, bytes: 20, rate: 20_000 };
    const title = `20,000 messages a second over ${count(connections)} connections`;
    return { name, title, load, metrics: ['p50', 'p99', 'cpu'] };
}

function idle(name, connections) {
    const load = { scenario: 'idle', connections, bytes: 20 };
    return { name, title: `${count(connections)} idle connections`, load, metrics: kIdleMetrics };
}

/// `server`: its program, see servers.mjs; `arguments` for it; `load`: more options of the generator; `cores` if not one.
const contender = (name, more = {}) => ({ name, server: name, arguments: [], load: {}, cores: '0', ...more });
const cryo = (name, more = {}) => contender(name, { server: 'cryo', ...more });

/// @param tls `--cert` and `--key` with their files
/// @param canSpin whether cryo-echo has `--spin-us`
export function makeGroups({ tls, canSpin }) {
    const pair = [contender('epoll'), contender('cryo')];
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
                broadcast('broadcast-1000', 1_000),
                broadcast('broadcast-10000', 10_000),
                {
                    name: 'accept',
                    title: 'opening and resetting connections, 32 at a time',
                    load: { scenario: 'accept', connections: 1_000, depth: 32 },
                    metrics: ['acceptRate', 'acceptCpu'],
                },
                rate('rate-100', 100),
                rate('rate-10000', 10_000),
                idle('idle-10000', 10_000),
            ],
        },
        {
            title: 'TLS',
            contenders: pair.map((each) => ({ ...each, arguments: tls, load: { tls: true } })),
            scenarios: [echo('tls-echo-100', 100)],
        },
        {
            title: 'Protocols of cryo',
            contenders: [
                cryo('websocket'),
                cryo('cryo', { load: { protocol: 'cryo' } }),
                cryo('cale', { arguments: ['--cale'], load: { protocol: 'cale' } }),
            ],
            scenarios: [echo('protocol-echo-100', 100)],
        },
        {
            title: 'Threads of cryo',
            contenders: [cryo('1 thread'), cryo('2 threads', { arguments: ['--threads', '2'], cores: '0-1' })],
            scenarios: [{ ...echo('threads-echo-100', 100), metrics: ['cpu', 'throughput'] }],
        },
        {
            title: 'Growth',
            contenders: pair,
            scenarios: [1_000, 5_000, 18_000].flatMap((connections) => [
                idle(`growth-idle-${connections}`, connections),
                echo(`growth-echo-${connections}`, connections),
            ]),
        },
    ];
    if (canSpin) {
        groups.push({
            title: 'Spinning of cryo',
            contenders: [cryo('off'), cryo('50 µs', { arguments: ['--spin-us', '50'] })],
            scenarios: [rate('spin-rate-100', 100)],
        });
    }
    return groups;
}
