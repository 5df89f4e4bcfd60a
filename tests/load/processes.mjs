// The processes of a broker under load. They end with this one.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const running = new Set();
const folder = mkdtempSync(join(tmpdir(), 'cryo-broker-load-'));
process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
});

function start(command, args, environment) {
    const child = spawn(command, args, { env: { PATH: process.env.PATH, ...environment }, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.gone = new Promise((resolve) => child.once('exit', (code, signal) => { running.delete(child); resolve({ code, signal }); }));
    return child;
}

const answers = (port) => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
});

export async function startRedis() {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const child = start('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder]);
    child.stdout.resume();
    child.stderr.resume();
    for (let i = 0; i < 100; ++i) {
        if (await answers(port)) return { child, port };
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('redis-server does not start');
}

/// @param options by their names in configuration files
export async function startBroker(program, options) {
    const args = Object.entries(options).flatMap(([key, value]) => [`--${key.replaceAll('_', '-')}`, String(value)]);
    const child = start(program, ['--host', '127.0.0.1', '--port', '0', ...args]);
    child.log = [];
    createInterface({ input: child.stderr }).on('line', (line) => child.log.push(line));
    const port = await new Promise((resolve, reject) => {
        createInterface({ input: child.stdout }).on('line', (line) => {
            const found = /^listening on .*:(\d+)$/.exec(line);
            if (found) resolve(Number(found[1]));
        });
        child.gone.then(() => reject(new Error(`${program} ended: ${child.log.join('\n')}`)));
    });
    return { child, port };
}
