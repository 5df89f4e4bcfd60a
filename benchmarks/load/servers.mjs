// Starts the servers and the generator, and ends them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const kStartsWithin = 15_000; // ms
const kStopsWithin = 15_000;
const kOtherFiles = 1_000; // besides one a connection, where a contender does not say
const kServerCore = '0';
const kGeneratorCore = '1';
const kOutputKept = 2_000; // characters

const root = fileURLToPath(new URL('../..', import.meta.url));
const running = new Set();

/// The command of each server; `needs`: without that file it cannot run.
export function findPrograms(build) {
    const native = (path) => ({ command: [path], needs: path });
    const peer = (name) => native(join(build, `benchmarks/load/servers/${name}-server`));
    const echo = native(join(build, 'examples/echo/cryo-echo'));
    const script = join(root, 'benchmarks/load/servers/ws_server.mjs');
    return {
        generator: native(join(build, 'benchmarks/load/generator/cryo-load')),
        cryo: { ...echo, command: [...echo.command, '--host', '127.0.0.1', '--threads', '1', '--token', 'secret'] },
        epoll: peer('epoll'),
        beast: peer('beast'),
        websocketpp: peer('websocketpp'),
        lws: peer('lws'),
        hub: peer('hub'),
        ws: { command: [process.execPath, script], needs: join(root, 'tests/interop/node_modules/ws/package.json') },
    };
}

export const isThere = (program) => existsSync(program.needs);

export function canSpin(cryo) {
    return spawnSync(cryo.needs, ['--help'], { encoding: 'utf8' }).stdout?.includes('--spin-us') ?? false;
}

export function makeCertificate(folder) {
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
        '-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', certificate], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`openssl makes no certificate: ${made.stderr ?? made.error}`);
    return ['--cert', certificate, '--key', key];
}

function start(command, { core, files }) {
    const child = spawn('sh', ['-c', 'ulimit -Sn "$0" && exec taskset -c "$@"', String(files), core, ...command],
        { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.output = '';
    const keep = (data) => (child.output = (child.output + data).slice(-kOutputKept));
    child.stderr.on('data', keep);
    child.ended = once(child, 'close').then(([code, signal]) => {
        running.delete(child);
        return signal ?? code;
    });
    return child;
}

/// Resolves to what `promise` does, unless it takes too long: then the child is killed, and its end decides.
async function within(milliseconds, child, promise) {
    const deadline = setTimeout(() => {
        child.output += ` killed: it took more than ${milliseconds / 1000} s`;
        child.kill('SIGKILL');
    }, milliseconds);
    try {
        return await promise;
    } finally {
        clearTimeout(deadline);
    }
}

function listeningPort(child, name) {
    return new Promise((resolve, reject) => {
        createInterface(child.stdout).on('line', (line) => {
            const found = /^listening on .*:(\d+)$/.exec(line);
            if (found) resolve(Number(found[1]));
        });
        child.ended.then(() => reject(new Error(`${name} does not start`)), reject);
    });
}

function peakMemory(pid) {
    const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(kib[1]) / 1024;
}

async function runGenerator(program, { files, allowed }, options) {
    const flags = Object.entries(options).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`));
    const child = start([...program.command, ...flags], { core: kGeneratorCore, files });
    let printed = '';
    child.stdout.on('data', (data) => (printed += data));
    const code = await within(allowed, child, child.ended);
    if (code !== 0) throw new Error(`the generator ended with ${code}: ${child.output.trim()}`);
    return JSON.parse(printed);
}

/// One measurement with a server of its own.
/// @param load options of the generator
/// @returns what the generator measured, and the server's peak memory
export async function measure(programs, contender, load, allowed) {
    const files = contender.files?.(load.connections) ?? load.connections + kOtherFiles;
    const { command } = programs[contender.server];
    const server = start([...command, '--port', '0', ...contender.arguments], { core: kServerCore, files });
    const problems = [];
    let result;
    try {
        const port = await within(kStartsWithin, server, listeningPort(server, contender.server));
        result = await runGenerator(programs.generator, { files: load.connections + kOtherFiles, allowed },
            { port, ...load, ...contender.load, 'server-pid': server.pid });
        result.peak_rss_mib = peakMemory(server.pid);
    } catch (error) {
        problems.push(error.message);
    }
    server.kill('SIGTERM');
    const code = await within(kStopsWithin, server, server.ended);
    if (code !== 0) problems.push(`${contender.server} ended with ${code}: ${server.output.trim()}`);
    if (problems.length > 0) throw new Error(problems.join('; '));
    return result;
}

/// For when this program is ended itself.
export function killAll() {
    for (const child of running) child.kill('SIGKILL');
}
