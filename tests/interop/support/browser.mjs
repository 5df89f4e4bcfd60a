// Headless Chromium.
import { chromium } from 'playwright-core';

const kArguments = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

/// Starts a browser with a profile of its own; it ends with the test `t`.
/// @returns a function that opens a window, with storage of its own, on a URL
export async function launch(t) {
    const executablePath = process.env.CRYO_CHROMIUM ?? '/usr/bin/chromium';
    const browser = await chromium.launch({ executablePath, args: kArguments });
    t.after(() => browser.close());
    return async (url, options) => {
        const page = await (await browser.newContext(options)).newPage();
        page.problems = []; // what a page should never have
        page.on('pageerror', (error) => page.problems.push(String(error)));
        page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()));
        page.setDefaultTimeout(15_000);
        await page.goto(url);
        return page;
    };
}
