// The chat example in headless Chromium: its page and its JavaScript client, CALE included.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { launch } from './support/browser.mjs';
import { start } from './support/server.mjs';

/// Opens a window and joins a room.
async function join(open, port, name, room = 'lobby', options = {}) {
    const page = await open(`http://127.0.0.1:${port}/?name=${name}&room=${room}`, options);
    await page.click('text=Join the room');
    await page.waitForSelector('#app:not([hidden])');
    return page;
}

async function say(page, text) {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
}

const received = (page, text) => page.waitForSelector(`.message:not(.own) .text >> text="${text}"`);
const ownState = (page, text, state) => page.waitForSelector(`.own:has(.text:text-is("${text}")) .state.${state}`);
const noProblems = (...pages) => pages.forEach((page) => assert.deepEqual(page.problems, []));

for (const flags of [[], ['--cale'], ['--threads', '2']]) {
    test(`two windows chat, ${flags.join(' ') || 'defaults'}`, { timeout: 90_000 }, async (t) => {
        const { port } = await start(t, 'chat', ['--port', '0', ...flags]);
        const open = await launch(t);
        const ada = await join(open, port, 'Ada');
        assert.match(await ada.textContent('#room-people'), /Only you/);

        await say(ada, 'Is anybody here?');
        await ownState(ada, 'Is anybody here?', 'sent');

        const grace = await join(open, port, 'Grace');
        await received(grace, 'Is anybody here?'); // from the room's history
        await ada.waitForSelector('#people >> text=Grace');
        await ada.waitForSelector('.notice >> text=Grace joined');

        await grace.type('#text', 'I a');
        await ada.waitForSelector('#typing >> text=Grace is typing');
        await say(grace, 'I am <b>here</b> & "well" 👋');
        await received(ada, 'I am <b>here</b> & "well" 👋'.replaceAll('"', '\\"'));
        await grace.waitForSelector('.own .state.delivered');

        await say(ada, 'Good.');
        await received(grace, 'Good.');
        await ownState(ada, 'Good.', 'delivered');
        assert.equal(await ada.locator('.bubble b').count(), 0); // markup stays text

        assert.ok(Number(await ada.textContent('#rtt')) > 0);
        const cale = flags.includes('--cale');
        assert.match(await ada.textContent('#cale'), cale ? /Encrypted/ : /off/);
        noProblems(ada, grace);
    });
}

test('rooms are apart; one can go to another', { timeout: 60_000 }, async (t) => {
    const { port } = await start(t, 'chat', ['--port', '0', '--cale']);
    const open = await launch(t);
    const ada = await join(open, port, 'Ada');
    const grace = await join(open, port, 'Grace', 'ideas');
    await say(grace, 'just an idea');
    await ownState(grace, 'just an idea', 'sent');
    assert.equal(await ada.locator('.message').count(), 0);

    await ada.click('.room >> text=ideas');
    await received(ada, 'just an idea');
    await grace.waitForSelector('.notice >> text=Ada joined');

    await ada.fill('#new-room input', 'brand new');
    await ada.press('#new-room input', 'Enter');
    await ada.waitForSelector('#room-name >> text=brand new');
    await grace.waitForSelector('.notice >> text=Ada left');
    await grace.waitForSelector('.room >> text=brand new');
    noProblems(ada, grace);
});

test('the page reconnects, joins again and shows what was said', { timeout: 60_000 }, async (t) => {
    const first = await start(t, 'chat');
    const open = await launch(t);
    const ada = await join(open, first.port, 'Ada');
    await first.stop();
    await ada.waitForSelector('#banner:not([hidden])');
    await start(t, 'chat', ['--port', String(first.port)]);
    await ada.waitForSelector('#status[data-state="connected"]');
    await ada.waitForSelector('#people >> text=Ada');
    const grace = await join(open, first.port, 'Grace');
    await say(ada, 'back again');
    await received(grace, 'back again');
    await ownState(ada, 'back again', 'delivered');
});

test('a wrong token is told, a right one then works', { timeout: 60_000 }, async (t) => {
    const { port } = await start(t, 'chat', ['--port', '0', '--token', 'right']);
    const open = await launch(t);
    const page = await open(`http://127.0.0.1:${port}/?name=Ada`);
    await page.click('text=Join the room');
    await page.waitForSelector('#sign-in-error >> text=does not accept this token');
    await page.click('summary');
    await page.fill('#token', 'right');
    await page.click('text=Join the room');
    await page.waitForSelector('#app:not([hidden])');
});

test('it fits narrow and wide windows, light and dark', { timeout: 60_000 }, async (t) => {
    const { port } = await start(t, 'chat');
    const open = await launch(t);
    for (const [width, height, colorScheme] of [[360, 640, 'dark'], [800, 600, 'light'], [1_600, 900, 'dark']]) {
        const page = await join(open, port, `Ada-${width}`, 'lobby', { viewport: { width, height }, colorScheme });
        await say(page, `a word without an end: ${'x'.repeat(300)}`);
        await page.waitForSelector('.own .state.sent, .own .state.delivered');
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
        if (width < 720) {
            await page.click('#show-rooms');
            await page.click('.room >> text=random');
            await page.waitForSelector('#room-name >> text=random');
        }
        if (process.env.CRYO_SCREENSHOTS) await page.screenshot({ path: `${process.env.CRYO_SCREENSHOTS}/chat-${width}.png` });
        noProblems(page);
    }
});
