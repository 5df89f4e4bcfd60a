// The connection's figures: round-trip time with its recent past, bytes, unacknowledged messages, the queue.
const kSamples = 40;
const kFullQueue = 65_536;

export function formatBytes(count) {
    if (count < 1_000) return `${count} B`;
    const units = ['kB', 'MB', 'GB'];
    let unit = -1;
    while (count >= 1_000 && unit < units.length - 1) {
        count /= 1_000;
        unit++;
    }
    return `${count.toFixed(count < 10 ? 1 : 0)} ${units[unit]}`;
}

/// SVG paths of the samples in a box of 120 by 40: the line, and the area under it.
function sparkline(samples) {
    const top = Math.max(...samples, 1) * 1.15;
    const step = 120 / (kSamples - 1);
    const from = 120 - step * (samples.length - 1);
    const points = samples.map((value, i) => `${(from + i * step).toFixed(1)} ${(40 - (value / top) * 38).toFixed(1)}`);
    const line = `M${points.join('L')}`;
    return { line, area: `${line}L120 40L${from.toFixed(1)} 40Z` };
}

export class Meters {
    #session;
    #nodes;
    #samples = [];
    #dirty = true;

    /// @param nodes {rtt, spark, bytesIn, bytesOut, pending, queued, queue}
    constructor(session, nodes) {
        this.#session = session;
        this.#nodes = nodes;
        session.on('rtt', (rtt) => this.#sample(rtt));
        setInterval(() => this.#show(), 250);
    }

    #sample(rtt) {
        this.#samples.push(rtt);
        if (this.#samples.length > kSamples) this.#samples.shift();
        this.#dirty = true;
    }

    #show() {
        const stats = this.#session.stats;
        const { rtt, spark, bytesIn, bytesOut, pending, queued, queue } = this.#nodes;
        bytesIn.textContent = formatBytes(stats.bytesIn);
        bytesOut.textContent = formatBytes(stats.bytesOut);
        pending.textContent = String(stats.pendingAcks + stats.waiting);
        queued.textContent = formatBytes(stats.bufferedAmount);
        queue.setAttribute('aria-valuenow', String(Math.min(stats.bufferedAmount, kFullQueue)));
        queue.style.setProperty('--fill', String(Math.min(1, stats.bufferedAmount / kFullQueue)));
        if (!this.#dirty || this.#samples.length === 0) return;
        this.#dirty = false;
        rtt.textContent = stats.rtt < 10 ? stats.rtt.toFixed(1) : stats.rtt.toFixed(0);
        const { line, area } = sparkline(this.#samples);
        spark.querySelector('.line').setAttribute('d', line);
        spark.querySelector('.area').setAttribute('d', area);
    }
}
