// Measures servers against each other; see ../README.md.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { format, groupReport } from './report.mjs';
import { kMetrics, makeGroups } from './scenarios.mjs';
import { canSpin, findPrograms, isThere, killAll, makeCertificate, measure } from './servers.mjs';

const kServers = ['epoll', 'cryo', 'beast', 'websocketpp', 'lws', 'ws', 'hub'];
const kUsage = `usage: scripts/benchmark [option]...

Measures cryo-echo against other servers, one on core 0, the generator of load on core 1, and prints tables.
  --rounds N        how often everything is measured (default: 5)
  --seconds N       how long each measurement takes (default: 1)
  --quick           one round of one second: only to see that it works
  --only PATTERN    scenarios with a name that matches this regular expression, e.g. ^echo-100$
  --servers LIST    of ${kServers.join(',')}; without a table's first server there are no ratios
  --json FILE       write each single result there
  --build DIR       where the programs are (default: build/release)
  --list            print the scenarios' names
Exit code: 0 all was measured, 1 something failed, 2 wrong use.
`;
const kWarmup = 300; // ms
const kAllowedBesides = 90_000; // ms for connecting and disconnecting

function fail(message, code = 1) {
    process.stderr.write(`benchmark: ${message}\n`);
    process.exit(code);
}

function parse() {
    const text = (fallback) => ({ type: 'string', default: fallback });
    const flag = { type: 'boolean', default: false };
    let values;
    try {
        ({ values } = parseArgs({
            options: {
                rounds: text('5'), seconds: text('1'), only: text(''), servers: text(''), json: text(''), help: flag,
                build: text(fileURLToPath(new URL('../../build/release', import.meta.url))), quick: flag, list: flag,
            },
        }));
    } catch (error) {
        fail(`${error.message}\n\n${kUsage}`, 2);
    }
    if (values.help) {
        process.stdout.write(kUsage);
        process.exit(0);
    }
    if (values.quick) Object.assign(values, { rounds: '1', seconds: '1' });
    for (const name of ['rounds', 'seconds']) {
        if (!/^[1-9]\d*$/.test(values[name])) fail(`--${name} must be a number, at least 1`, 2);
        values[name] = Number(values[name]);
    }
    values.servers = values.servers === '' ? [] : values.servers.split(',');
    const unknown = values.servers.find((name) => !kServers.includes(name));
    if (unknown !== undefined) fail(`no server is called "${unknown}"`, 2);
    try {
        values.only = new RegExp(values.only);
    } catch (error) {
        fail(error.message, 2);
    }
    return values;
}

/// Leaves out what was not asked for and what is not there. The baseline of each group is kept apart from that.
function choose(groups, programs, { only, servers }) {
    const isWanted = (server) => isThere(programs[server]) && (servers.length === 0 || servers.includes(server));
    return groups
        .map((group) => ({
            ...group,
            baseline: group.contenders[0],
            scenarios: group.scenarios.filter(({ name }) => only.test(name)),
            contenders: group.contenders.filter(({ server }) => isWanted(server)),
        }))
        .filter(({ scenarios, contenders }) => scenarios.length > 0 && contenders.length > 0);
}

function shuffled(list) {
    const result = [...list];
    for (let i = result.length - 1; i > 0; i--) {
        const j = Math.floor(Math.random() * (i + 1));
        [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
}

async function runOnce(programs, scenario, contender, round, { rounds, seconds }) {
    const label = `round ${round}/${rounds} ${scenario.name} ${contender.name}`;
    const run = { scenario: scenario.name, contender: contender.name, round };
    const load = { ...scenario.load, seconds, 'warmup-ms': kWarmup };
    try {
        run.result = await measure(programs, contender, load, kAllowedBesides + kWarmup + 1000 * seconds);
        const metric = kMetrics[scenario.metrics[0]];
        process.stderr.write(`${label}: ${format(run.result[metric.key])} (${metric.title})\n`);
    } catch (error) {
        run.error = error.message;
        process.stderr.write(`${label}: failed: ${error.message}\n`);
    }
    return run;
}

async function main() {
    const options = parse();
    const programs = findPrograms(options.build);
    for (const name of ['generator', 'cryo', 'epoll']) {
        if (!isThere(programs[name])) fail(`${programs[name].needs} is missing; build the target load_benchmarks`);
    }
    if (availableParallelism() < 2) fail('two cores are needed: for a server, and for the generator');
    for (const [name, program] of Object.entries(programs)) {
        if (!isThere(program)) process.stderr.write(`${name} is left out: no ${program.needs}\n`);
    }

    const folder = mkdtempSync(join(tmpdir(), 'cryo-benchmark-'));
    process.on('exit', () => {
        killAll();
        rmSync(folder, { recursive: true });
    });
    for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(code));

    const groups = choose(makeGroups({ tls: makeCertificate(folder), canSpin: canSpin(programs.cryo) }), programs, options);
    if (groups.length === 0) fail('no scenario is left', 2);
    if (options.list) {
        for (const { name } of groups.flatMap(({ scenarios }) => scenarios)) process.stdout.write(`${name}\n`);
        return;
    }

    const machine = { cpu: cpus()[0].model, cores: cpus().length, kernel: release(), node: process.version };
    const { rounds, seconds } = options;
    const runs = [];
    for (let round = 1; round <= rounds; round++) {
        for (const { scenarios, contenders } of groups) {
            for (const scenario of scenarios) {
                for (const contender of shuffled(contenders.filter(({ name }) => scenario.only?.includes(name) ?? true))) {
                    runs.push(await runOnce(programs, scenario, contender, round, options));
                }
            }
        }
        if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, rounds, seconds, runs }, null, 1)}\n`);
    }
    process.stdout.write(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node}; ` +
        `${rounds} rounds of ${seconds} s\n` +
        'In each cell: the median (the median of the rounds\' ratios, and the range that holds it with 95 % certainty,\n' +
        'of fewer than six rounds that of the ratios).\n' +
        'Of ratios more is better.\n\n');
    for (const group of groups) process.stdout.write(`${groupReport(group, runs)}\n`);
    if (runs.some((run) => run.error)) process.exitCode = 1;
}

await main();
