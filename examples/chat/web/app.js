// The page: signing in, rooms, people, the composer. Everything from outside enters the page as text, never as markup.
import { Chat } from './chat.js';
import { MessageList, element, paintAvatar } from './messages.js';
import { Meters } from './meters.js';

const $ = (id) => document.getElementById(id);
const kSuggestedRooms = ['lobby', 'random', 'ideas'];
const kTypingShown = 3_000; // ms

let chat = null;
let cale = false;
let people = new Map(); // member id -> name, of this room
const typing = new Map(); // member id -> timer that ends it

const list = new MessageList({
    list: $('messages'),
    scroller: $('scroller'),
    toEnd: $('to-end'),
    empty: $('empty'),
    resend: (message) => chat.resend(message),
});

// -- theme -----------------------------------------------------------------------------------------------------------

const kThemes = { auto: 'as the system', light: 'light', dark: 'dark' };

function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    $('theme').title = `Theme: ${kThemes[theme]}`;
    $('theme').setAttribute('aria-label', $('theme').title);
    localStorage.setItem('theme', theme);
}

$('theme').addEventListener('click', () => {
    const themes = Object.keys(kThemes);
    setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
});
setTheme(localStorage.getItem('theme') in kThemes ? localStorage.getItem('theme') : 'auto');

// -- signing in ------------------------------------------------------------------------------------------------------

function showCale() {
    const lock = cale ? '#i-lock' : '#i-unlock';
    const said = cale ? 'Encrypted by CALE' : 'CALE is off on this server';
    for (const id of ['sign-in-lock', 'cale-lock']) $(id).setAttribute('href', lock);
    for (const id of ['sign-in-cale', 'cale']) $(id).textContent = said;
    $('meters').classList.toggle('secure', cale);
}

for (const room of kSuggestedRooms) {
    const chip = element('button', 'chip', `# ${room}`);
    chip.type = 'button';
    chip.addEventListener('click', () => ($('room').value = room));
    $('suggestions').append(chip);
}

const asked = new URLSearchParams(location.search);
$('name').value = asked.get('name') ?? localStorage.getItem('name') ?? '';
$('room').value = asked.get('room') ?? 'lobby';

fetch('config').then((answer) => answer.json()).then((config) => {
    cale = config.cale;
    showCale();
});

$('sign-in-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const { name, room, token } = Object.fromEntries(new FormData(event.target));
    const button = event.target.querySelector('.primary');
    button.disabled = true;
    $('sign-in-error').textContent = '';
    try {
        chat = await Chat.open('session', { token, cale }, handlers);
        new Meters(chat.session, {
            rtt: $('rtt'), spark: $('spark'), bytesIn: $('bytes-in'), bytesOut: $('bytes-out'),
            pending: $('pending'), queued: $('queued'), queue: $('queue'),
        });
        localStorage.setItem('name', name);
        chat.join(room.trim(), name.trim());
    } catch (error) {
        $('sign-in-error').textContent = error.code === 1006
            ? 'The server cannot be reached, or does not accept this token.'
            : `Cannot connect: ${error.message}`;
        button.disabled = false;
    }
});

$('leave').addEventListener('click', () => {
    chat.session.close();
    location.reload();
});

// -- what the server says --------------------------------------------------------------------------------------------

const kStatus = { connected: 'Connected', reconnecting: 'Reconnecting', closed: 'Disconnected' };

const handlers = {
    state(state, details) {
        $('status').dataset.state = state;
        $('status').textContent = kStatus[state];
        $('my-state').textContent = state === 'connected' ? 'online' : 'offline';
        $('banner').hidden = state === 'connected';
        $('composer').classList.toggle('offline', state !== 'connected');
        if (state === 'reconnecting') {
            const seconds = Math.max(1, Math.round(details.delay / 1_000));
            $('banner-text').textContent = `Connection lost. Next try in ${seconds} s.`;
            $('retry').textContent = 'Try now';
        } else if (state === 'closed') {
            $('banner-text').textContent = `The server has ended the session${details.reason ? `: ${details.reason}` : ''}.`;
            $('retry').textContent = 'Sign in again';
        }
    },

    joined(room) {
        $('sign-in').hidden = true;
        $('app').hidden = false;
        $('room-name').textContent = room;
        $('my-name').textContent = chat.name;
        paintAvatar($('my-avatar'), chat.name);
        document.title = `${room} · Cryo Chat`;
        people = new Map();
        stopTyping();
        list.clear();
        markRoom();
        openDrawer(null);
        $('text').focus();
    },

    members(members) {
        const now = new Map(members);
        if (people.size > 0) {
            for (const [id, name] of now) if (!people.has(id)) list.notice(`${name} joined`);
            for (const [id, name] of people) if (!now.has(id)) list.notice(`${name} left`);
        }
        people = now;
        for (const id of typing.keys()) if (!now.has(id)) stopTyping(id);
        showPeople();
    },

    rooms(rooms) {
        $('room-list').replaceChildren(...rooms.map(([room, count]) => {
            const button = element('button', 'room');
            button.type = 'button';
            button.dataset.room = room;
            const badge = element('span', 'badge', count);
            badge.setAttribute('aria-label', `${count} here`);
            button.append(element('span', 'hash', '#'), element('span', 'label', room), badge);
            button.addEventListener('click', () => goTo(room));
            const item = element('li');
            item.append(button);
            return item;
        }));
        markRoom();
    },

    message(message) {
        stopTyping(message.author);
        list.add(message);
    },

    changed(message) {
        list.update(message);
    },

    typing(id) {
        clearTimeout(typing.get(id));
        typing.set(id, setTimeout(() => stopTyping(id), kTypingShown));
        showTyping();
    },

    refused(reason) {
        list.notice(reason);
        if ($('app').hidden) {
            $('sign-in-error').textContent = reason;
            $('sign-in-form').querySelector('.primary').disabled = false;
            chat.session.close();
        }
    },
};

$('retry').addEventListener('click', () => {
    if ($('status').dataset.state === 'closed') location.reload();
    else chat.session.retry();
});

// -- rooms and people ------------------------------------------------------------------------------------------------

function goTo(room) {
    if (room === chat.room) return openDrawer(null);
    chat.join(room, chat.name);
}

function markRoom() {
    for (const button of $('room-list').querySelectorAll('.room')) {
        if (button.dataset.room === chat.room) button.setAttribute('aria-current', 'page');
        else button.removeAttribute('aria-current');
    }
}

function showPeople() {
    $('room-people').textContent = people.size === 1 ? 'Only you are here' : `${people.size} people`;
    $('people').replaceChildren(...[...people].map(([id, name]) => {
        const item = element('li');
        const avatar = paintAvatar(element('span', 'avatar'), name);
        avatar.setAttribute('aria-hidden', 'true');
        item.append(avatar, element('span', 'label', name));
        if (chat.isOwn(id)) item.append(element('small', '', 'you'));
        return item;
    }));
}

function stopTyping(id) {
    const ids = id === undefined ? [...typing.keys()] : [id];
    for (const ended of ids) {
        clearTimeout(typing.get(ended));
        typing.delete(ended);
    }
    showTyping();
}

function showTyping() {
    const names = [...typing.keys()].map((id) => people.get(id)).filter(Boolean);
    const who = names.length > 2 ? 'Several people are' : `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'}`;
    $('typing').textContent = names.length ? `${who} typing …` : '';
}

$('new-room').addEventListener('submit', (event) => {
    event.preventDefault();
    goTo(new FormData(event.target).get('room').trim());
    event.target.reset();
});

// -- composer --------------------------------------------------------------------------------------------------------

function fitComposer() {
    $('text').style.height = 'auto';
    $('text').style.height = `${$('text').scrollHeight}px`;
}

function sendText() {
    const text = $('text').value.trim();
    if (!text || !chat.session.connected) return;
    list.add(chat.say(text));
    $('text').value = '';
    fitComposer();
}

$('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    sendText();
    $('text').focus();
});
$('text').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    sendText();
});
$('text').addEventListener('input', () => {
    fitComposer();
    if ($('text').value) chat.typing();
});

// -- drawers of small screens ----------------------------------------------------------------------------------------

const kDrawers = { 'show-rooms': 'rooms', 'show-details': 'details' };

function openDrawer(id) {
    for (const [button, drawer] of Object.entries(kDrawers)) {
        $(drawer).classList.toggle('open', drawer === id);
        $(button).setAttribute('aria-expanded', String(drawer === id));
    }
    $('shade').hidden = id === null;
}

for (const [button, drawer] of Object.entries(kDrawers)) {
    $(button).addEventListener('click', () => openDrawer($(drawer).classList.contains('open') ? null : drawer));
}
$('shade').addEventListener('click', () => openDrawer(null));
document.addEventListener('keydown', (event) => event.key === 'Escape' && openDrawer(null));
