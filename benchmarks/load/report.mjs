// Markdown tables of what was measured.
import { kMetrics } from './scenarios.mjs';

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function format(value) {
    const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
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
        const ratios = this.ratios(baseline, metric);
        const ratio = ratios.length > 0 ? ` (${format(median(ratios))})` : '';
        return format(median(this.runs.map((run) => run.result[metric.key]))) + ratio;
    }
}

/// How far the ratios of single rounds are from their median.
function spread(cells, metric) {
    const deviations = cells.flatMap(([cell, baseline]) => {
        const ratios = cell === baseline ? [] : cell.ratios(baseline, metric);
        return ratios.map((ratio) => Math.abs(ratio / median(ratios) - 1) * 100);
    });
    if (deviations.length === 0) return '';
    return `Single rounds' ratios differ from that by ${format(median(deviations))} % (median), ` +
        `${format(Math.max(...deviations))} % (most).\n`;
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
        spread(rows.flat(), metric),
    ].join('\n');
}

/// @param group with the contenders and scenarios that were run
export function groupReport({ title, scenarios, contenders, baseline }, runs) {
    const metrics = [...new Set(scenarios.flatMap((scenario) => scenario.metrics))];
    const tables = metrics.map((name) => {
        const measured = scenarios.filter((scenario) => scenario.metrics.includes(name));
        return table(kMetrics[name], measured, contenders, baseline, runs);
    });
    const what = `Medians; in parentheses the median of the rounds' ratios to ${baseline.name}, more is better.`;
    return [`### ${title}`, what, '', ...tables].join('\n');
}
