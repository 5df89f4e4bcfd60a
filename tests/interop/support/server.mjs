// Starts the programs under test. Their paths come from the environment, see CMakeLists.txt.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const kStopsWithin = 15_000; // ms; longer than the drain

function programPath(name) {
    const path = process.env[`CRYO_${name.toUpperCase()}`];
    if (!path) throw new Error(`CRYO_${name.toUpperCase()} must be the path of the program ${name}`);
    return path;
}

/// Runs a program to its end. @returns {code, stdout, stderr}
export async function run(name, args) {
    const child = spawn(programPath(name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    const [code] = await once(child, 'close');
    return { code, stdout, stderr };
}

/// Starts a server on a free port; it is stopped when the test `t` ends.
/// @returns {port, url, lines, stop()}: `lines` is what it has printed, `stop` resolves to its exit code
export async function start(t, name, args = ['--port', '0']) {
    const child = spawn(programPath(name), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const lines = [];
    const port = await new Promise((resolve, reject) => {
        createInterface(child.stdout).on('line', (line) => {
            lines.push(line);
            const found = /^listening on .*?(\d+)$/.exec(line);
            if (found) resolve(Number(found[1]));
        });
        child.on('error', reject);
        child.on('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    });
    const stop = async () => {
        child.kill('SIGTERM');
        const deadline = setTimeout(() => child.kill('SIGKILL'), kStopsWithin);
        const [code] = await ended;
        clearTimeout(deadline);
        return code;
    };
    t.after(stop);
    return { port, url: `ws://127.0.0.1:${port}`, lines, stop };
}
