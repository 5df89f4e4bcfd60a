// Markdown tables of what was measured.
import { kMetrics } from './scenarios.mjs';

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function format(value) {
    const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.01 ? 2 : 4;
    return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/// What holds the true median with at least 95 % certainty, whatever the distribution: two of the measured values. Five
/// rounds or fewer cannot give that: the lowest and the highest.
function range(values) {
    const sorted = [...values].sort((a, b) => a - b);
    let ways = 1; // in which `outside` of the rounds may be below the median
    let below = ways;
    let outside = 0;
    while (below / 2 ** sorted.length <= 0.025) {
        ways *= (sorted.length - outside) / (outside + 1);
        below += ways;
        outside++;
    }
    const first = Math.max(outside - 1, 0);
    return [sorted[first], sorted[sorted.length - 1 - first]];
}

/// The results of one contender in one scenario, round by round.
class Cell {
    constructor(runs, scenario, contender) {
        this.runs = runs.filter((run) => run.scenario === scenario.name && run.contender === contender.name);
    }

    #inRound(round) {
        return this.runs.find((run) => run.round === round)?.result;
    }

    /// Of each round in which both were measured: what drifts from round to round cancels out. More is better.
    ratios(baseline, { key, better }) {
        return this.runs.flatMap(({ round, result }) => {
            const limit = baseline.#inRound(round);
            if (!result || !limit) return [];
            return [better === 'higher' ? result[key] / limit[key] : limit[key] / result[key]];
        });
    }

    text(baseline, metric) {
        if (this.runs.length === 0) return '';
        if (this.runs.some((run) => run.error)) return 'failed';
        const result = format(median(this.runs.map((run) => run.result[metric.key])));
        const ratios = this === baseline ? [] : this.ratios(baseline, metric);
        if (ratios.length === 0) return result;
        return `${result} (**${format(median(ratios))}**, ${range(ratios).map(format).join(' to ')})`;
    }
}

function table(metric, scenarios, contenders, baseline, runs) {
    const rows = scenarios.map((scenario) => {
        const limit = new Cell(runs, scenario, baseline);
        return contenders.map((each) => [each === baseline ? limit : new Cell(runs, scenario, each), limit]);
    });
    const line = (cells) => `| ${cells.join(' | ')} |`;
    return [
        `**${metric.title}**`,
        '',
        line(['', ...contenders.map(({ name }) => name)]),
        `|---|${'---:|'.repeat(contenders.length)}`,
        ...rows.map((cells, i) => line([scenarios[i].title, ...cells.map(([cell, limit]) => cell.text(limit, metric))])),
        '',
    ].join('\n');
}

/// @param group with the contenders and scenarios that were run
export function groupReport({ title, scenarios, contenders, baseline }, runs) {
    const metrics = [...new Set(scenarios.flatMap((scenario) => scenario.metrics))];
    const tables = metrics.map((name) => {
        const measured = scenarios.filter((scenario) => scenario.metrics.includes(name));
        return table(kMetrics[name], measured, contenders, baseline, runs);
    });
    const what = contenders.includes(baseline) ? [`Compared with ${baseline.name}.`, ''] : [];
    return [`### ${title}`, ...what, ...tables].join('\n');
}
